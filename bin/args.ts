// The command line's arguments (docs: `skep --help`). Order matters for --until and --send, so the tokens of
// node:util parseArgs are walked, not its values. Every refusal is one sentence with the value and what to
// do.

import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ConfigError } from '../src/api/errors.ts';
import { checkEngine, type Engine } from '../src/emu/config.ts';

/** One step of a scripted console session. */
export type ScriptStep = { kind: 'until'; pattern: string; regex: RegExp } | { kind: 'send'; text: string };

export interface BootArgs {
  guest: string | undefined;
  smp: number;
  ram: number | undefined;
  cpu: string;
  kernel: string | undefined;
  initrd: string[];
  append: string | undefined;
  /** Images; `,snapshot` keeps a disk's changes in memory, `,overlay=F` in a file. */
  hda: string | undefined;
  hdb: string | undefined;
  cdrom: string | undefined;
  fda: string | undefined;
  fdb: string | undefined;
  bios: string | undefined;
  /** Letters a, c, d; undefined: no wish. */
  boot: string | undefined;
  bootMenuMs: number | undefined;
  biosOnSerial: boolean;
  /** `stdio` or a file name for the debug console (ports 0xE9 and 0x402). */
  debugcon: string | undefined;
  steps: ScriptStep[];
  timeoutS: number | undefined;
  /** Undefined: the translator. */
  engine: Engine | undefined;
  /** One of so many entries into translated code is checked. */
  checkRegions: number | undefined;
  /** `stdio` or a file name. */
  serial: string;
  json: string | undefined;
  /** File for the profile; its text goes to standard error. */
  profile: string | undefined;
  /** File for a picture of the screen at the end. */
  screenshot: string | undefined;
  quiet: boolean;
  verbose: boolean;
}
export interface ServeArgs { port: number; dir: string | undefined; host: string }

export type Command =
  | { name: 'help' } | { name: 'version' }
  | { name: 'boot'; args: BootArgs }
  | { name: 'serve'; args: ServeArgs }
  | { name: 'image'; guests: string[] }
  | { name: 'bench'; names: string[]; json: string | undefined }
  /** Programs of the checkout, which read their arguments themselves. */
  | { name: 'compare' | 'isa-coverage'; argv: string[] };

export const USAGE = `usage:
  skep boot [--guest mini|debian13] [--smp N] [--ram MiB] [--cpu v1|v2]
            [--kernel F] [--initrd F]... [--append S] [--until REGEX] [--send TEXT]... [--timeout S] [--serial stdio|FILE] [--json FILE]
            [--hda IMAGE[,snapshot|,overlay=F]] [--hdb IMAGE[,…]] [--cdrom IMAGE] [--screenshot FILE.png]
            [--fda IMAGE[,snapshot]] [--fdb IMAGE[,snapshot]] [--boot ORDER[,menu=S]] [--bios F] [--bios-serial] [--debugcon stdio|FILE]
            [--engine interpreter|translator] [--check-regions N] [--profile FILE] [--quiet] [--verbose]
  skep serve [--port P] [--dir DIST]    skep image [mini|debian13|all]    skep bench [NAME]... [--json FILE]
  skep bench compare [--only LIST] [--peers qemu,native] [--rounds N] [--engine E] [--json FILE]
  skep bench isa-coverage [--json FILE]

Images are files or addresses (http, https). A file is written to unless it is named with ,snapshot; with
,overlay=F what is written is kept in F.
Without a kernel or guest, or with --boot or --bios, the machine starts in its BIOS (SeaBIOS from npm run
guest -- firmware). ORDER: letters a (floppy), c (disk), d (CD). --bios-serial shows it on serial port 1.
--until waits for the expression on the serial console, --send types; the steps run in order. Escapes in
--send: \\n \\r \\t \\e \\\\ \\xNN. With a terminal as standard input the console is interactive; Ctrl-A x
leaves.
--check-regions N has the interpreter repeat about one of N entries into translated code, on copies; a
difference ends the machine with exit status 3.
Exit status: 0 all seen, or powered off; 1 not seen before the timeout; 2 bad usage; 3 the guest crashed or
the machine failed; with debug-exit the guest's own value.`;

/** Options of a later version: better a clear answer than "unknown option". */
const NOT_YET: Record<string, string> = {
  'snapshot-in': 'snapshots', 'snapshot-out': 'snapshots',
};

type Options = NonNullable<ParseArgsConfig['options']>;
const BOOT_OPTIONS = {
  guest: { type: 'string' }, smp: { type: 'string' }, ram: { type: 'string' }, cpu: { type: 'string' },
  kernel: { type: 'string' }, initrd: { type: 'string', multiple: true }, append: { type: 'string' },
  hda: { type: 'string' }, hdb: { type: 'string' }, cdrom: { type: 'string' },
  fda: { type: 'string' }, fdb: { type: 'string' }, boot: { type: 'string' }, bios: { type: 'string' },
  'bios-serial': { type: 'boolean' }, debugcon: { type: 'string' },
  until: { type: 'string', multiple: true }, send: { type: 'string', multiple: true },
    timeout: { type: 'string' },
  serial: { type: 'string' }, screenshot: { type: 'string' }, json: { type: 'string' },
    engine: { type: 'string' }, 'check-regions': { type: 'string' }, profile: { type: 'string' },
  quiet: { type: 'boolean' }, verbose: { type: 'boolean' },
} as const satisfies Options;

const seeHelp = 'Run skep --help.';

function parse<T extends Options>(argv: readonly string[], options: T, command: string,
  positionals: boolean) {
  for (const arg of argv) {
    const later = /^--([a-z-]+)/.exec(arg)?.[1];
    if (later !== undefined && later in NOT_YET) {
      throw new ConfigError(`--${later} needs ${NOT_YET[later]}, which this version does not have.`, seeHelp);
    }
  }
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: positionals, strict: true, tokens: true });
  } catch (error) {
    const message = (error as Error).message.split('. ')[0]?.replace(/\.$/, '') ?? '';
    throw new ConfigError(`skep ${command}: ${message}.`, seeHelp);
  }
}

/** A decimal number in a range; the message names option, value and range. */
export function numberOption(option: string, value: string | undefined, least: number,
  most: number): number | undefined {
  if (value === undefined) return undefined;
  const number = /^-?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : NaN;
  if (Number.isNaN(number)) throw new ConfigError(`${option} "${value}" is not a number.`, seeHelp);
  if (number < least || number > most) {
    throw new ConfigError(`${option} ${value} is out of range.`, `Choose ${least} to ${most}.`);
  }
  return number;
}

/** A whole number; ranges are checked by whoever knows the limits. */
function integerOption(option: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (!/^-?\d+$/.test(value.trim())) throw new ConfigError(`${option} "${value}" is not a whole number.`,
    seeHelp);
  return Number(value);
}

/** The escapes of --send: \n \r \t \e \\ \xNN; another character after a backslash is a mistake. */
export function unescapeText(text: string): string {
  return text.replace(/\\(x[0-9A-Fa-f]{2}|[\s\S]?)/g, (whole, code: string) => {
    const known: Record<string, string> = { n: '\n', r: '\r', t: '\t', e: '\x1B', '\\': '\\' };
    if (code.length === 3) return String.fromCharCode(parseInt(code.slice(1), 16));
    const char = known[code];
    if (char === undefined) {
      throw new ConfigError(`--send has an unknown escape "${whole}".`, 'Known: \\n \\r \\t \\e \\\\ \\xNN.');
    }
    return char;
  });
}

function untilStep(pattern: string): ScriptStep {
  try {
    return { kind: 'until', pattern, regex: new RegExp(pattern, 'm') };
  } catch (error) {
    throw new ConfigError(`--until "${pattern}" is not a regular expression: ${(error as Error).message}.`,
      'Correct it, and quote it for the shell.');
  }
}

/** ORDER, or ORDER,menu=SECONDS. The order itself is checked by whoever knows the devices. */
function bootOption(text: string | undefined): Pick<BootArgs, 'boot' | 'bootMenuMs'> {
  const match = /^([a-z]*)(?:,?menu=([^,]*))?$/.exec(text ?? '');
  if (match === null) throw new ConfigError(`--boot "${text}" is not a boot order.`,
    'Write for example --boot cd or --boot cd,menu=5.');
  const seconds = numberOption('--boot menu', match[2], 0, 600);
  return { boot: match[1] === '' ? undefined : match[1],
    bootMenuMs: seconds === undefined ? undefined : Math.round(seconds * 1000) };
}

function parseBoot(argv: readonly string[]): BootArgs {
  const { values, tokens } = parse(argv, BOOT_OPTIONS, 'boot', false);
  const steps: ScriptStep[] = [];
  for (const token of tokens ?? []) {
    if (token.kind !== 'option' || token.value === undefined) continue;
    if (token.name === 'until') steps.push(untilStep(token.value));
    if (token.name === 'send') steps.push({ kind: 'send', text: unescapeText(token.value) });
  }
  const { engine } = values;
  if (engine !== undefined) checkEngine(engine);
  const media = [values.fda, values.fdb, values.hda, values.hdb, values.cdrom, values.bios, values.boot];
  if ([values.guest, values.kernel, ...media].every((value) => value === undefined)) {
    throw new ConfigError('skep boot has nothing to boot.',
      'Say --guest mini, --kernel FILE, or an image: --hda, --cdrom, --fda.');
  }
  return {
    guest: values.guest, kernel: values.kernel, initrd: values.initrd ?? [], append: values.append, steps,
    hda: values.hda, hdb: values.hdb, cdrom: values.cdrom, fda: values.fda, fdb: values.fdb,
    bios: values.bios, ...bootOption(values.boot), biosOnSerial: values['bios-serial'] ?? false,
    debugcon: values.debugcon,
    smp: integerOption('--smp', values.smp) ?? 1,
    ram: integerOption('--ram', values.ram),
    cpu: values.cpu ?? 'v2',
    timeoutS: numberOption('--timeout', values.timeout, 0.001, 1e6),
    checkRegions: numberOption('--check-regions', values['check-regions'], 1, 1e9),
    engine, serial: values.serial ?? 'stdio', json: values.json, profile: values.profile, screenshot: values.screenshot,
    quiet: values.quiet ?? false, verbose: values.verbose ?? false,
  };
}

function parseServe(argv: readonly string[]): ServeArgs {
  const { values } = parse(argv, { port: { type: 'string' }, dir: { type: 'string' },
    host: { type: 'string' } }, 'serve', false);
  const port = integerOption('--port', values.port) ?? 8080;
  if (port < 0 || port > 65535) throw new ConfigError(`--port ${port} is out of range.`,
    'Choose 0 to 65535.');
  return { port, dir: values.dir, host: values.host ?? '127.0.0.1' };
}

export function parseCommand(argv: readonly string[]): Command {
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return { name: 'help' };
  if (rest.includes('--help') || rest.includes('-h')) return { name: 'help' };
  switch (name) {
    case '--version': case '-V': return { name: 'version' };
    case 'boot': return { name: 'boot', args: parseBoot(rest) };
    case 'serve': return { name: 'serve', args: parseServe(rest) };
    case 'image': return { name: 'image', guests: parse(rest, {}, 'image', true).positionals };
    case 'bench': {
      const [first, ...argv] = rest;
      if (first === 'compare' || first === 'isa-coverage') return { name: first, argv };
      const { values, positionals } = parse(rest, { json: { type: 'string' } }, 'bench', true);
      return { name: 'bench', names: positionals, json: values.json };
    }
    default: throw new ConfigError(`There is no command "${name}".`, 'Choose boot, serve, image or bench.');
  }
}
