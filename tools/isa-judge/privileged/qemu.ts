// Runs privileged cases under QEMU's TCG: results come through port E9. A case after which the machine
// resets or says nothing is noted as that, and QEMU started again with the next one.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, StepError } from '../../steps.ts';
import { BLOB, Ended, IMAGE, lost, packBlob, RAM_MIB, unpackResult, type PrivilegedCase,
  type PrivilegedOutcome } from './layout.ts';

const QEMU = 'qemu-system-x86_64', SILENCE_MS = 1000, START_MS = 10_000;
/** A processor as near to ours as TCG has one; physical addresses of 40 bits. */
const CPU = ['max', 'vendor=GenuineIntel', 'phys-bits=40', 'host-phys-bits=off',
  ...['la57', 'pku', 'svm', 'avx', 'avx2', 'mpx', 'pks', 'pcid', '3dnow', '3dnowext', 'invpcid', 'vaes',
    'vpclmulqdq',
    'x2apic', 'hle', 'rtm'].map((name) => `${name}=off`)].join(',');

export function qemuName(): string {
  const done = spawnSync(QEMU, ['--version'], { encoding: 'utf8' });
  if (done.status !== 0) throw new StepError(`isa:record --privileged needs ${QEMU}; it`, 2);
  return `QEMU ${/version (\S+)/.exec(done.stdout)?.[1] ?? '?'} (TCG)`;
}

interface Run { outcomes: PrivilegedOutcome[]; ended: Ended }

function once(image: Buffer, template: Uint8Array, cases: readonly PrivilegedCase[],
  start: number): Promise<Run> {
  const folder = join(ROOT, 'build/privileged'), kernel = join(folder, 'kernel.bin');
  mkdirSync(folder, { recursive: true });
  writeFileSync(kernel, Buffer.concat([image, Buffer.alloc(BLOB - IMAGE - image.length),
    packBlob(template, cases, start, 0)]));
  const child = spawn(QEMU, ['-accel', 'tcg,thread=single', '-cpu', CPU, '-m', String(RAM_MIB * 4),
    '-machine', 'pc', '-nodefaults',
    '-display', 'none', '-no-reboot', '-net', 'none', '-kernel', kernel, '-debugcon', 'stdio',
    '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const outcomes: PrivilegedOutcome[] = [];
  let rest = Buffer.alloc(0), ended = Ended.RESET, timer: NodeJS.Timeout;
  const watch = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => { ended = Ended.NOTHING; child.kill('SIGKILL'); }, ms);
  };
  watch(START_MS);
  child.stdout.on('data', (data: Buffer) => {
    watch(SILENCE_MS);
    rest = Buffer.concat([rest, data]);
    let at = 0;
    for (let found = unpackResult(rest, at); found !== undefined; found = unpackResult(rest, at)) {
      outcomes.push(found[0]);
      at = found[1];
    }
    rest = rest.subarray(at);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => { clearTimeout(timer); resolve({ outcomes, ended }); });
  });
}

/** The outcome of every case. */
export async function runOnQemu(image: Buffer, template: Uint8Array,
  cases: readonly PrivilegedCase[]): Promise<PrivilegedOutcome[]> {
  const out: PrivilegedOutcome[] = [];
  while (out.length < cases.length) {
    const { outcomes, ended } = await once(image, template, cases, out.length);
    out.push(...outcomes);
    if (out.length < cases.length) out.push(lost(ended, cases[out.length]!.registers));
  }
  return out;
}
