// The test build of the board: chips, bus and LAPICs with their real wiring, without CPUs. Built by board.ts
// beside it.

export {
  boardInit, boardReset, boardPresetForDirectBoot, boardPresetForFirmware, boardPoll, boardSnapshot,
} from "../../board";
export { pioRead, pioReadRun, pioWrite, pioWriteRun } from "../../bus/pio";
export { blockClaim, blockComplete, blockRecover, blockRelease, blockWritten } from "../../bus/block";
export {
  isRam, isWrittenRam, isWritableRam, physInit, physRead, physReadBytes, physWriteBytes,
} from "../../mmu/physmem";
export { dmaTransfer } from "../dma8237";
export { mmioDirect, mmioRead, mmioWrite, mmioIsDevice } from "../../bus/mmio";
export { picAcknowledgeHook as picInta } from "../pic";
export { irqSet } from "../../bus/irq";
export { clockFire, clockRun, timerDeadline } from "../../bus/clock";
export { vgaRender } from "../vga/render";
export { boardIntx, intxSet } from "../pci/intx";
export { setCurrentCpu } from "../../lib/this-cpu";
export { ringPut, ringGet, ringCount, ringInit } from "../../lib/ring";
export {
  lapicAccept, lapicDeliver, lapicEoi, lapicGetCr8, lapicLint1, lapicMsi, lapicPending, lapicPost, lapicRead,
    lapicReadMsr,
  lapicReadTscDeadline, lapicReset, lapicSendIcr, lapicSetBase, lapicSetCr8, lapicTimerCheck, lapicWrite,
    lapicWriteMsr,
  lapicWriteTscDeadline,
} from "../../cpu/lapic/lapic";

import { Cpu } from "../../cpu/state";

/** Where tests put the CPU number. */
export function cpuIdOffset(): u32 {
  return <u32>offsetof<Cpu>("id");
}
export function cpuSecond(address: usize): u64 {
  return changetype<Cpu>(address).second;
}
export { testDeviceAdd, testDeviceIntx, testDeviceReset, testDeviceSignal } from "./pci-device";
