// The Bochs VBE extensions (VBE_DISPI, identification B0C5): resolutions up to 2560x1600 with 4 to 32 bits
// per pixel, banks, virtual screens, through ports 1CE (index) and 1CF (data), and through the PCI function's
// register page. A write that does not fit in video memory is brought into range or ignored, as the
// interface's other implementations do.

import { VRAM, VRAM_BYTES } from "../../lib/layout";
import { Dispi, DispiEnable, Vga, dispi, setDispi, touch } from "./state";

const ID_FIRST: u32 = 0xB0C0;
const ID_LAST: u32 = 0xB0C5;
export const MAX_WIDTH: u32 = 2560;
export const MAX_HEIGHT: u32 = 1600;
const MAX_BPP: u32 = 32;
const MEMORY_64K: u32 = VRAM_BYTES >> 16;
const ENABLE_BITS: u32 = DispiEnable.ON | DispiEnable.GET_CAPS | DispiEnable.DAC8 | DispiEnable.LFB
  | DispiEnable.NO_CLEAR;

export function dispiReset(dev: Vga): void {
  for (let n: u32 = 0; n < <u32>Dispi.COUNT; n++) setDispi(dev, n, 0);
  dev.dispiIndex = 0;
  setDispi(dev, Dispi.ID, ID_LAST);
  setDispi(dev, Dispi.BPP, 8);
  setDispi(dev, Dispi.MEMORY_64K, MEMORY_64K);
}

/** Bytes of `pixels` pixels. */
export function dispiBytes(dev: Vga, pixels: u32): u32 {
  const bpp = dispi(dev, Dispi.BPP);
  return bpp == 4 ? pixels >> 1 : pixels * (bpp + 7 >> 3);
}

/** Width, height and offsets such that the screen lies in the virtual screen and that in memory. */
function fit(dev: Vga): void {
  const width = dispi(dev, Dispi.XRES);
  const height = dispi(dev, Dispi.YRES);
  if (width == 0 || height == 0) return;
  let virtual = dispi(dev, Dispi.VIRT_WIDTH);
  if (virtual < width || dispiBytes(dev, virtual) * height > VRAM_BYTES) virtual = width;
  setDispi(dev, Dispi.VIRT_WIDTH, virtual);
  const rows = VRAM_BYTES / max(dispiBytes(dev, virtual), 1);
  setDispi(dev, Dispi.VIRT_HEIGHT, min(rows, 0xFFFF));
  setDispi(dev, Dispi.X_OFFSET, min(dispi(dev, Dispi.X_OFFSET), virtual - width));
  setDispi(dev, Dispi.Y_OFFSET, min(dispi(dev, Dispi.Y_OFFSET), rows - height));
}

function writeEnable(dev: Vga, v: u32): void {
  const was = dispi(dev, Dispi.ENABLE) & DispiEnable.ON;
  let next = v & ENABLE_BITS;
  if (dispi(dev, Dispi.XRES) == 0 || dispi(dev, Dispi.YRES) == 0) next &= ~DispiEnable.ON;
  setDispi(dev, Dispi.ENABLE, next);
  setDispi(dev, Dispi.BANK, 0);
  if ((next & DispiEnable.ON) == 0 || was != 0) return;
  setDispi(dev, Dispi.VIRT_WIDTH, dispi(dev, Dispi.XRES));
  setDispi(dev, Dispi.X_OFFSET, 0);
  setDispi(dev, Dispi.Y_OFFSET, 0);
  fit(dev);
  if ((next & DispiEnable.NO_CLEAR) == 0) {
    memory.fill(VRAM, 0, dispiBytes(dev, dispi(dev, Dispi.VIRT_WIDTH)) * dispi(dev, Dispi.YRES));
  }
}

/** Data written to register `index`. */
export function dispiWrite(dev: Vga, index: u32, v: u32): void {
  const on = (dispi(dev, Dispi.ENABLE) & DispiEnable.ON) != 0;
  switch (index) {
    case Dispi.ID: if (v >= ID_FIRST && v <= ID_LAST) setDispi(dev, index, v); break;
    // The mode itself changes only while it is off.
    case Dispi.XRES: if (!on && v <= MAX_WIDTH) setDispi(dev, index, v); break;
    case Dispi.YRES: if (!on && v <= MAX_HEIGHT) setDispi(dev, index, v); break;
    case Dispi.BPP: if (!on) writeBpp(dev, v); break;
    case Dispi.ENABLE: writeEnable(dev, v); break;
    case Dispi.BANK: setDispi(dev, index, v & (MEMORY_64K - 1)); break;
    case Dispi.VIRT_WIDTH:
    case Dispi.X_OFFSET:
    case Dispi.Y_OFFSET:
      setDispi(dev, index, v);
      if (on) fit(dev);
      break;
    default: break;
  }
  touch(dev);
}

function writeBpp(dev: Vga, v: u32): void {
  // 0 means 8: the first version of the interface had nothing else.
  if (v == 0) setDispi(dev, Dispi.BPP, 8);
  else if (v == 4 || v == 8 || v == 15 || v == 16 || v == 24 || v == 32) setDispi(dev, Dispi.BPP, v);
}

/** Register `index` as read. */
export function dispiRead(dev: Vga, index: u32): u32 {
  if (index >= <u32>Dispi.COUNT) return 0;
  if ((dispi(dev, Dispi.ENABLE) & DispiEnable.GET_CAPS) != 0) {
    switch (index) {
      case Dispi.XRES: return MAX_WIDTH;
      case Dispi.YRES: return MAX_HEIGHT;
      case Dispi.BPP: return MAX_BPP;
      default: break;
    }
  }
  return dispi(dev, index);
}
