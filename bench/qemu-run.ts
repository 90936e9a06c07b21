// Runs a guest under QEMU TCG and watches its serial console: the peer of all comparisons. Times are the
// host's, from the start of the process.

import { spawn } from 'node:child_process';

export interface QemuRun {
  /** Undefined: the disk that `extra` names starts, through QEMU's SeaBIOS. */
  kernel?: string | undefined;
  initrd?: string | undefined;
  append?: string | undefined;
  smp: number;
  memoryMiB: number;
  cpu: string;
  /** The run ends when this matches the console's output (escape sequences removed) ... */
  until: RegExp;
  /** ... or at this time, which is a failure. */
  timeoutMs: number;
  qemu?: string | undefined;
  extra?: readonly string[] | undefined;
}

export interface QemuResult {
  ok: boolean;
  seconds: number;
  output: string;
  /** What QEMU itself said, and how it ended, where `ok` is false. */
  error: string;
}

/** CSI and OSC sequences, and the two-character ones. */
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g;
const PROGRAM = 'qemu-system-x86_64';

export function withoutEscapes(text: string): string {
  return text.replace(ESCAPES, '');
}

export function qemuArguments(run: QemuRun): string[] {
  const initrd = run.initrd === undefined ? [] : ['-initrd', run.initrd];
  const start = run.kernel === undefined ? []
    : ['-kernel', run.kernel, ...initrd, '-append', run.append ?? ''];
  return ['-accel', 'tcg', '-cpu', run.cpu, '-smp', String(run.smp), '-m', String(run.memoryMiB),
    '-display', 'none', '-serial', 'stdio', '-monitor', 'none', '-no-reboot', ...start,
    ...(run.extra ?? [])];
}

export function runQemu(run: QemuRun): Promise<QemuResult> {
  return new Promise((done) => {
    const start = performance.now();
    const child = spawn(run.qemu ?? PROGRAM, qemuArguments(run), { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let said = '';
    let finished = false;
    const finish = (ok: boolean, why: string): void => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      const seconds = (performance.now() - start) / 1000;
      const error = ok ? '' : `${why} ${said.trim()}`.trim();
      const answer = (): void => done({ ok, seconds, output: withoutEscapes(output), error });
      // Its processor time counts as ours only when it is gone.
      if (child.exitCode !== null || child.pid === undefined) answer();
      else child.once('exit', answer);
      child.kill('SIGKILL');
    };
    const late = (): void => finish(false, `no match of ${run.until} within ${run.timeoutMs} ms`);
    const timer = setTimeout(late, run.timeoutMs);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (run.until.test(withoutEscapes(output))) finish(true, '');
    });
    child.stderr.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    const missing = `${run.qemu ?? PROGRAM} is not there (apt-get install qemu-system-x86)`;
    child.on('error', () => finish(false, missing));
    child.on('close', (code) => finish(false, `QEMU ended with status ${code} before ${run.until} was seen`));
  });
}
