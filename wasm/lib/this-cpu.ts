// Which CPU this instance is. Per instance, hence per thread; the clock and I/O workers keep the default.

export const NO_CPU: u32 = 0xFFFFFFFF;

export let thisCpu: u32 = NO_CPU;

export function setCurrentCpu(id: u32): void {
  thisCpu = id;
}
