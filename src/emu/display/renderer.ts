// One instance of the core that only draws (wasm/dev/vga/render.ts), and the pixels it leaves in shared
// memory. Takes no chip's lock and never waits, so it may live in any thread.

import { passiveCore } from '../passive-core.ts';
import { FRAME, Frame, Phase, Rendered, ScreenMode } from '../generated-layout.ts';

export type ScreenKind = 'blank' | 'text' | 'graphics' | 'vbe';
export interface ScreenInfo {
  kind: ScreenKind;
  width: number;
  height: number;
  /** Bits per pixel; 0 in text modes. */
  bpp: number;
  /** Characters of a text mode. */
  columns: number;
  rows: number;
}
/** Rows that changed: from `first` to before `end`; `resized` means all, in a new size. */
export interface Change { resized: boolean; first: number; end: number }

const KINDS: Record<number, ScreenKind> = {
  [ScreenMode.BLANK]: 'blank', [ScreenMode.TEXT]: 'text', [ScreenMode.GRAPHICS]: 'graphics', [ScreenMode.VBE]: 'vbe',
};
/** Cursor and blinking characters in the light half of their periods. */
export const PHASE_LIT = Phase.CURSOR | Phase.TEXT;
/** A picture takes a few milliseconds; whoever holds it longer is gone. */
const PATIENCE_MS = 200;
const CURSOR_MS = 267;
const BLINK_MS = 533;

/** The blink phase at a time in ms. */
export function phaseAt(ms: number): number {
  return (Math.floor(ms / CURSOR_MS) % 2 === 0 ? Phase.CURSOR : 0)
    | (Math.floor(ms / BLINK_MS) % 2 === 0 ? Phase.TEXT : 0);
}

export class Renderer {
  readonly words: Int32Array;
  private readonly draw: (phase: number) => number;

  constructor(module: WebAssembly.Module, readonly memory: WebAssembly.Memory) {
    this.words = new Int32Array(memory.buffer);
    this.draw = (passiveCore(module, memory) as unknown as { vgaRender(phase: number): number }).vgaRender;
  }

  /** A renderer that was ended in the middle of a picture leaves this behind. */
  release(): void {
    Atomics.store(this.words, (FRAME + Frame.BUSY) >> 2, 0);
  }

  /** Draws what changed since the last call of any renderer; undefined = nothing. */
  render(phase: number): Change | undefined {
    const result = this.draw(phase);
    if (result === Rendered.SAME || result === Rendered.BUSY) return undefined;
    return { resized: result === Rendered.SIZE, first: this.field(Frame.FIRST), end: this.field(Frame.END) };
  }

  /** As render(), and when it returns nobody is in the middle of the picture. */
  complete(phase: number): void {
    const end = performance.now() + PATIENCE_MS;
    while (this.draw(phase) === Rendered.BUSY) if (performance.now() > end) this.release();
  }

  field(offset: number): number {
    return Atomics.load(this.words, (FRAME + offset) >> 2) >>> 0;
  }

  get info(): ScreenInfo {
    return { kind: KINDS[this.field(Frame.MODE)] ?? 'blank', width: this.field(Frame.WIDTH),
      height: this.field(Frame.HEIGHT), bpp: this.field(Frame.BPP), columns: this.field(Frame.COLUMNS),
      rows: this.field(Frame.ROWS) };
  }

  /** RGBA of the rows [first, end), a view of shared memory. */
  pixels(width: number, first: number, end: number): Uint8ClampedArray<SharedArrayBuffer> {
    return new Uint8ClampedArray(this.memory.buffer as unknown as SharedArrayBuffer,
      FRAME + Frame.PIXELS + first * width * 4, (end - first) * width * 4);
  }
}
