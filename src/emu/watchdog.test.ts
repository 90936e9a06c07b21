import { describe, expect, test } from 'vitest';
import { CpuField } from './generated-layout.ts';
import type { SharedMachine } from './shared.ts';
import { Watchdog } from './watchdog.ts';

interface FakeCpu { attention: number; instructions: number; haltedNs: number }

/** As much of a machine as the watchdog sees; an inbox is its CPU's number times 64. */
function fake(count: number): { cpus: FakeCpu[]; shared: SharedMachine } {
  const cpus = Array.from({ length: count }, () => ({ attention: 0, instructions: 0, haltedNs: 0 }));
  const shared = {
    cpus: count,
    inbox: (cpu: number) => cpu * 64,
    load: (address: number) => cpus[Math.floor(address / 64)]?.attention,
    cpuField: (cpu: number, field: number) =>
      (field === CpuField.instructions ? cpus[cpu]?.instructions : cpus[cpu]?.haltedNs),
    poke: (cpu: number) => { (cpus[cpu] as FakeCpu).attention = 1; },
  };
  return { cpus, shared: shared as unknown as SharedMachine };
}

/** Looks twice a second for that long; `live` runs between the looks. */
function watch(dog: Watchdog, fromMs: number, seconds: number, live: () => void = () => {}): void {
  for (let ms = fromMs; ms < fromMs + seconds * 1000; ms += 500) {
    dog.look(ms);
    live();
  }
}

describe('watchdog', () => {
  test('a CPU that neither polls nor executes is reported once, after more than half a minute', () => {
    const { cpus, shared } = fake(2);
    const silent: number[] = [];
    const dog = new Watchdog(shared, (cpu) => silent.push(cpu));
    const live = (): void => { (cpus[0] as FakeCpu).attention = 0; };
    watch(dog, 0, 40, live);
    expect(silent).toEqual([]);
    watch(dog, 40_000, 100, live);
    expect(silent).toEqual([1]);
  });

  test.each(['instructions', 'haltedNs'] as const)('a CPU whose %s move is alive', (field) => {
    const { cpus, shared } = fake(1);
    const dog = new Watchdog(shared, () => expect.unreachable());
    watch(dog, 0, 300, () => { (cpus[0] as FakeCpu)[field]++; });
  });

  test('a host that slept for an hour makes no victim', () => {
    const { shared } = fake(1);
    const dog = new Watchdog(shared, () => expect.unreachable());
    for (const ms of [0, 300, 3_600_000, 3_600_000, 3_600_100]) dog.look(ms);
  });
});
