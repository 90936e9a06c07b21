// `skep boot`: makes a machine, connects its first serial port with the terminal, a script or a file, and
// turns its end into an exit status.

import { createWriteStream, type WriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import {
  Skep, type DiskEvent, type MachineEnding, type DiskOption, type SkepOptions, type SkepStats,
} from '../src/api/node.ts';
import { sumChecks } from '../src/emu/stats.ts';
import { SkepError } from '../src/api/errors.ts';
import { FloppyFiles, floppyOption } from './floppies.ts';
import type { BootArgs } from './args.ts';
import { Script } from './script.ts';
import { openTerminal } from './terminal.ts';
import { version } from './version.ts';

/** Messages of drives that the JSON carries. */
const MOST_MESSAGES = 20;
export const EXIT = { OK: 0, NOT_SEEN: 1, USAGE: 2, CRASHED: 3, INTERRUPTED: 130 } as const;

/** Why the session is over. */
type Outcome =
  | { kind: 'seen' } | { kind: 'timeout' } | { kind: 'left' } | { kind: 'interrupted' }
  | { kind: 'ended'; ending: MachineEnding } | { kind: 'failed'; error: SkepError };

function exitStatus(outcome: Outcome, script: Script): number {
  switch (outcome.kind) {
    case 'seen': case 'left': return EXIT.OK;
    case 'timeout': return EXIT.NOT_SEEN;
    case 'interrupted': return EXIT.INTERRUPTED;
    case 'failed': return EXIT.CRASHED;
    case 'ended':
      if (outcome.ending.reason === 'debug-exit') return outcome.ending.value & 0xFF;
      if (outcome.ending.reason !== 'power-off') return EXIT.CRASHED;
      return script.waitingFor === undefined ? EXIT.OK : EXIT.NOT_SEEN;
  }
}

/** The sentence for standard error, undefined when all is well. */
function explain(outcome: Outcome, script: Script, timeoutS: number | undefined): string | undefined {
  const missing = script.waitingFor === undefined ? '' : ` without showing "${script.waitingFor}"`;
  switch (outcome.kind) {
    case 'failed': return outcome.error.message;
    case 'timeout': return script.waitingFor === undefined ? `The timeout of ${timeoutS} s has passed.`
      : `"${script.waitingFor}" was not seen within ${timeoutS} s.`;
    case 'ended':
      switch (outcome.ending.reason) {
        case 'triple-fault': return `The guest crashed: triple fault on CPU ${outcome.ending.value}.`;
        case 'panic': return 'The guest reported a panic.';
        case 'debug-exit': return undefined;
        default: return missing === '' ? undefined : `The guest powered off${missing}.`;
      }
    default: return undefined;
  }
}

/** IMAGE; IMAGE,snapshot; IMAGE,overlay=FILE. */
function diskOption(text: string): DiskOption {
  const overlay = /^(.*),overlay=(.*)$/.exec(text);
  // Without an image it is the guest's own disk.
  if (overlay !== null) return { ...(overlay[1] ? { image: overlay[1] } : {}), keep: overlay[2] ?? '' };
  const image = text.replace(/,snapshot$/, '');
  return { image, snapshot: image !== text };
}

function skepOptions(args: BootArgs): SkepOptions {
  const options: SkepOptions = { smp: args.smp, cpu: args.cpu as NonNullable<SkepOptions['cpu']> };
  if (args.engine !== undefined) options.engine = args.engine;
  if (args.checkRegions !== undefined) options.checkRegions = args.checkRegions;
  if (args.ram !== undefined) options.memory = args.ram;
  if (args.guest !== undefined) options.guest = args.guest;
  if (args.kernel !== undefined) options.kernel = args.kernel;
  if (args.initrd.length > 0) options.initrd = args.initrd;
  if (args.append !== undefined) options.append = args.append;
  if (args.hda !== undefined) options.hda = diskOption(args.hda);
  if (args.hdb !== undefined) options.hdb = diskOption(args.hdb);
  if (args.cdrom !== undefined) options.cdrom = args.cdrom;
  if (args.fda !== undefined) options.fda = floppyOption(args.fda);
  if (args.fdb !== undefined) options.fdb = floppyOption(args.fdb);
  if (args.bios !== undefined) options.bios = args.bios;
  if (args.boot !== undefined) options.bootOrder = args.boot;
  if (args.bootMenuMs !== undefined) options.bootMenuMs = args.bootMenuMs;
  if (args.biosOnSerial) options.firmwareOnSerial = true;
  return options;
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : Number((part / whole).toFixed(3)));

export function report(vm: { stats: SkepStats }, script: Script, exit: number, wallMs: number,
  messages: readonly string[] = [], checked = false): object {
  const { stats } = vm;
  const seconds = wallMs / 1000;
  return {
    ok: exit === EXIT.OK, exit, matches: script.matches,
    instructions: stats.instructions,
    mips: seconds > 0 ? Number((stats.instructions / 1e6 / seconds).toFixed(2)) : 0,
    wallMs: Math.round(wallMs),
    cpus: stats.cpus.map((cpu) => ({ instructions: cpu.instructions, haltedMs: Math.round(cpu.haltedMs),
      translatedShare: share(cpu.translated, cpu.instructions) })),
    ...(checked ? { regionChecks: sumChecks(stats.cpus.map((cpu) => cpu.checks)) } : {}),
    interrupts: stats.interrupts,
    disk: stats.drives.reduce((sum, drive) => ({ readBytes: sum.readBytes + drive.readBytes,
      writtenBytes: sum.writtenBytes + drive.writtenBytes, requests: sum.requests + drive.requests,
      errors: sum.errors + drive.errors }), { readBytes: 0, writtenBytes: 0, requests: 0, errors: 0 }),
    diskMessages: messages,
    net: { receivedBytes: 0, sentBytes: 0 },
    memory: { peakBytes: process.resourceUsage().maxRSS * 1024 },
    version: version(),
  };
}

interface Output { write(bytes: Uint8Array): void; close(): Promise<void> }

/** Where the output of a port goes: `stdio` or a file. */
function openOutput(option: string, target: string, quiet: boolean): Output {
  if (target !== 'stdio') {
    const file: WriteStream = createWriteStream(target);
    file.on('error', (error) => process.stderr.write(`skep: ${option} ${target}: ${error.message}\n`));
    return {
      write: (bytes) => void file.write(bytes),
      close: () => new Promise((resolve) => { file.end(() => resolve()); }),
    };
  }
  return { write: (bytes) => { if (!quiet) process.stdout.write(bytes); }, close: async () => {} };
}

/** What people are told of a drive in trouble. */
function diskSentence(event: DiskEvent): string | undefined {
  switch (event.kind) {
    case 'error': case 'retry': return `disk image ${event.name}: ${event.message}`;
    case 'dead': return event.message;
    case 'slow': return `disk image ${event.name} has not answered for ${event.seconds} s`;
    default: return undefined;
  }
}

/** Runs the machine until the session is over. */
async function session(vm: Skep, args: BootArgs, script: Script,
  output: { write(bytes: Uint8Array): void }, messages: string[]): Promise<Outcome> {
  let close = (): void => {};
  const outcome = await new Promise<Outcome>((resolve) => {
    const advance = (bytes: Uint8Array): void => {
      script.feed(bytes);
      if (args.steps.length > 0 && script.done && script.endsWithMatch) resolve({ kind: 'seen' });
    };
    vm.serial.onData((bytes) => {
      output.write(bytes);
      advance(bytes);
    });
    vm.ended.then((ending) => resolve({ kind: 'ended', ending }),
      (error: unknown) => resolve({ kind: 'failed', error: error as SkepError }));
    vm.on('disk', (event) => {
      const sentence = diskSentence(event);
      if (sentence === undefined) return;
      process.stderr.write(`skep: ${sentence}\n`);
      if (messages.length < MOST_MESSAGES) messages.push(sentence);
    });
    if (args.verbose) vm.on('log', (line) => process.stderr.write(`skep: ${line}\n`));
    const timer = args.timeoutS === undefined ? undefined
      : setTimeout(() => resolve({ kind: 'timeout' }), args.timeoutS * 1000);
    const interrupt = (): void => resolve({ kind: 'interrupted' });
    process.once('SIGINT', interrupt);
    process.once('SIGTERM', interrupt);
    const hangUp = args.steps.length > 0 ? (): void => {}
      : openTerminal((bytes) => { vm.serial.write(bytes); }, () => resolve({ kind: 'left' }));
    close = (): void => {
      clearTimeout(timer);
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      hangUp();
    };
    vm.start();
    advance(new Uint8Array(0));
  });
  close();
  return outcome;
}

/** The profile as JSON into a file, its head as text to standard error. */
async function writeProfile(vm: Skep, file: string, quiet: boolean): Promise<void> {
  await writeFile(file, `${JSON.stringify(await vm.profile.read(), null, 2)}\n`);
  if (!quiet) process.stderr.write(`\n${await vm.profile.text()}`);
}

export async function bootCommand(args: BootArgs): Promise<number> {
  const vm = await Skep.create(skepOptions(args));
  const start = performance.now();
  const elapsed = (): number => performance.now() - start;
  const script = new Script(args.steps, (text) => { vm.serial.write(text); }, elapsed);
  const output = openOutput('--serial', args.serial, args.quiet);
  const debug = args.debugcon === undefined ? undefined : openOutput('--debugcon', args.debugcon, args.quiet);
  if (debug !== undefined) vm.on('debug', (bytes) => debug.write(bytes));
  if (args.profile !== undefined) vm.profile.start();
  const floppies = new FloppyFiles(vm, [args.fda, args.fdb], (sentence) => {
    process.stderr.write(`skep: ${sentence}\n`);
  });
  const messages: string[] = [];
  const outcome = await session(vm, args, script, output, messages);
  const wallMs = elapsed();
  vm.profile.stop();
  if (args.screenshot !== undefined) await writeFile(args.screenshot, await vm.screen.screenshot());
  await vm.stop();
  await floppies.close();
  await output.close();
  await debug?.close();
  if (args.profile !== undefined) await writeProfile(vm, args.profile, args.quiet);
  const exit = exitStatus(outcome, script);
  const sentence = explain(outcome, script, args.timeoutS);
  if (sentence !== undefined) process.stderr.write(`\nskep: ${sentence}\n`);
  else if (args.serial === 'stdio' && !args.quiet) process.stdout.write('\n');
  if (args.json !== undefined) await writeFile(args.json,
    `${JSON.stringify(report(vm, script, exit, wallMs, messages, args.checkRegions !== undefined), null, 2)}\n`);
  return exit;
}
