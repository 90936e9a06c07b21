// What the machine form holds, and the same as URL parameters, so that any machine is a link. One schema
// reads the parameters; a value that it refuses becomes a problem that names the value and the remedy, and
// the default is used.

import * as v from 'valibot';
import { MAX_CPUS, maxMemoryMiB } from '../api/index.ts';
import { VIEWS, type View } from './views.ts';

export const CPU_CHOICES = [1, 2, 4, 8] as const;
export const RAM_CHOICES = [128, 256, 512, 1024, 2048] as const;
/** x86-64 levels; v3 waits for AVX2. */
export const CPU_MODELS = ['v1', 'v2'] as const;
/** `custom`: nothing of ours, a kernel or disks of one's own. */
export const GUESTS = ['mini', 'debian13', 'custom'] as const;
export type GuestName = (typeof GUESTS)[number];
/** What the page calls them. */
export const GUEST_TITLES: Readonly<Record<GuestName, string>> = {
  mini: 'Debian 13 mini', debian13: 'Debian 13', custom: 'Your own kernel or disks',
};
/** RAM in MiB where nobody says otherwise. */
const GUEST_RAM: Readonly<Record<GuestName, number>> = { mini: 512, debian13: 1024, custom: 512 };

export const DRIVES = ['hda', 'hdb', 'cdrom', 'fda'] as const;
export type DriveName = (typeof DRIVES)[number];
/** Drives whose changes can be kept. */
const KEEPERS: readonly string[] = ['hda', 'hdb'];
const KEEP = ',keep';

/** Smallest RAM that a link may ask for; a Linux kernel needs some 64 MiB. */
export const MIN_RAM_MIB = 16;
/** COMMAND_LINE_SIZE of Linux on x86. */
export const MAX_APPEND_CHARACTERS = 2047;
/** How long the boot menu waits when the form asks for one. */
export const BOOT_MENU_S = 5;

/** Parameters of the page that this version reads but cannot serve yet. */
const NOT_YET: Readonly<Record<string, string>> = {
  net: 'network cards', relay: 'network cards', snapshot: 'snapshots',
};

export interface MachineConfig extends Record<DriveName, string> {
  guest: GuestName;
  smp: number;
  ram: number;
  cpu: (typeof CPU_MODELS)[number];
  /** Addresses; empty = the guest's own. A file chosen in the form is not part of the link. */
  kernel: string;
  initrd: string;
  append: string;
  /** ORDER[,menu=SECONDS] of the letters a, c, d; empty = the guest's kernel, or what there is to boot from. */
  boot: string;
}

/** What a drive's parameter says: an address (empty: the guest's own, or a chosen file), changes kept or not. */
export interface DriveWish { address: string; keep: boolean }

export function readDrive(text: string): DriveWish {
  const keep = text.endsWith(KEEP);
  return { address: (keep ? text.slice(0, -KEEP.length) : text).trim(), keep };
}

export function writeDrive({ address, keep }: DriveWish): string {
  return address + (keep ? KEEP : '');
}

/** ORDER and seconds of `boot`. */
export function readBoot(text: string): { order: string; menuS: number } {
  const match = /^([acd]*),?(?:menu=(\d+))?$/.exec(text);
  return { order: match?.[1] ?? '', menuS: Number(match?.[2] ?? 0) };
}

export interface ParsedParameters {
  /** What the console shows first. */
  view: View;
  config: MachineConfig;
  autostart: boolean;
  /** Sentences for the user; with any of them the machine does not start by itself. */
  problems: string[];
}

/** Largest power of two up to min(cores, 4), and at least 2: a multiprocessor is what Skep is for. */
export function defaultSmp(cores: number): number {
  return cores >= 4 ? 4 : 2;
}

export function defaultConfig(cores: number, guest: GuestName = 'mini'): MachineConfig {
  return { guest, smp: defaultSmp(cores), ram: GUEST_RAM[guest], cpu: 'v2', kernel: '', initrd: '',
    append: '',
    hda: '', hdb: '', cdrom: '', fda: '', boot: '' };
}

const integer = (name: string, low: number, high: number, unit: string) => v.pipe(
  v.string(),
  v.check((text) => /^\d+$/.test(text) && Number(text) >= low && Number(text) <= high,
    (issue) => `${name}=${String(issue.input)} is not possible: give a whole number from ${low} to ${high}${unit}.`),
  v.transform(Number));

const choice = <const T extends readonly string[]>(name: string, values: T) => v.picklist(values,
  (issue) => `${name}=${String(issue.input)} is unknown: choose one of ${values.join(', ')}.`);

const NOT_FETCHABLE = 'is not an address that a page can load: use http(s): or a relative path.';

const address = (name: string) => v.pipe(v.string(), v.check(
  (text) => text === '' || isFetchable(text),
  ({ input }) => `${name}=${String(input)} ${NOT_FETCHABLE}`));

const drive = (name: DriveName) => v.pipe(v.string(),
  v.check((text) => !readDrive(text).keep || KEEPERS.includes(name),
    ({ input }) => `${name}=${String(input)} is not possible: only hard disks (${KEEPERS.join(', ')}) keep changes.`),
  v.check((text) => readDrive(text).address === '' || isFetchable(readDrive(text).address),
    ({ input }) => `${name}=${String(input)} ${NOT_FETCHABLE}`));

const bootOrder = v.pipe(v.string(), v.check(
  (text) => /^(?!.*([acd])[acd]*\1)[acd]{0,3}(,menu=\d{1,3})?$/.test(text.replace(/^menu=/, ',menu=')),
  ({ input }) => `boot=${String(input)} is not a boot order: give letters of a (floppy), c (hard disk), d (CD), `
    + 'each once, and menu=SECONDS behind a comma for the boot menu.'));

function isFetchable(text: string): boolean {
  const url = URL.parse === undefined ? tryUrl(text) : URL.parse(text, 'https://page.invalid/');
  return url !== null && (url.protocol === 'http:' || url.protocol === 'https:' || url.protocol === 'blob:');
}

function tryUrl(text: string): URL | null {
  try {
    return new URL(text, 'https://page.invalid/');
  } catch {
    return null;
  }
}

const SCHEMAS = {
  guest: choice('guest', GUESTS),
  smp: integer('smp', 1, MAX_CPUS, ' CPUs'),
  ram: integer('ram', MIN_RAM_MIB, maxMemoryMiB(1), ' MiB'),
  cpu: choice('cpu', CPU_MODELS),
  kernel: address('kernel'),
  initrd: address('initrd'),
  append: v.pipe(v.string(), v.maxLength(MAX_APPEND_CHARACTERS,
    (issue) => `append has ${issue.input.length} characters: Linux takes at most ${MAX_APPEND_CHARACTERS}.`)),
  hda: drive('hda'), hdb: drive('hdb'), cdrom: drive('cdrom'), fda: drive('fda'),
  boot: bootOrder,
} as const;
const VIEW = choice('screen', VIEWS);
const DEFAULT_VIEW: View = 'serial';

/** Reads the URL's query. `cores` is the number of host processors. */
export function parseParameters(query: string, cores: number): ParsedParameters {
  const given = new URLSearchParams(query);
  const config = defaultConfig(cores);
  const problems: string[] = [];
  let view: View = DEFAULT_VIEW;
  for (const [name, text] of given) {
    if (name === 'autostart') continue;
    if (name === 'screen') {
      const wanted = v.safeParse(VIEW, text);
      if (wanted.success) view = wanted.output;
      else problems.push(wanted.issues[0].message);
      continue;
    }
    const schema = Object.hasOwn(SCHEMAS, name) ? SCHEMAS[name as keyof typeof SCHEMAS] : undefined;
    if (schema === undefined) {
      problems.push(Object.hasOwn(NOT_YET, name)
        ? `${name}=${text} cannot be served: this version of Skep has no support for ${NOT_YET[name]} yet. Remove it.`
        : `${name} is not a parameter of this page: use ${[...Object.keys(SCHEMAS), 'screen', 'autostart'].join(', ')}.`);
      continue;
    }
    const result = v.safeParse(schema, text);
    if (result.success) Object.assign(config, { [name]: result.output });
    else problems.push(result.issues[0].message);
  }
  // A kernel or a medium by address is a guest of one's own, whether or not the link says so.
  if (!given.has('guest')) config.guest = impliedGuest(config);
  if (!given.has('ram')) config.ram = GUEST_RAM[config.guest];
  const autostart = given.has('autostart') && !/^(0|no|false)$/i.test(given.get('autostart') ?? '');
  return { config, autostart, view, problems };
}

/** The guest of a link that names none. */
function impliedGuest(config: MachineConfig): GuestName {
  const own = [config.kernel, ...DRIVES.map((name) => readDrive(config[name]).address)];
  return own.some((text) => text !== '') ? 'custom' : 'mini';
}

/** The query that describes this machine; only what differs from the defaults is in it. */
export function toQuery(config: MachineConfig, cores: number, autostart: boolean,
  view: View = DEFAULT_VIEW): string {
  const defaults = { ...defaultConfig(cores, config.guest), guest: impliedGuest(config) };
  const out = new URLSearchParams();
  for (const name of Object.keys(SCHEMAS) as (keyof MachineConfig)[]) {
    // How many CPUs the default is depends on the host, so a link always says it.
    if (name === 'smp' || config[name] !== defaults[name]) out.set(name, String(config[name]));
  }
  if (view !== DEFAULT_VIEW) out.set('screen', view);
  const query = out.toString();
  return `?${query}${autostart ? '&autostart' : ''}`;
}

/** Files that were chosen in the form, by the field that they belong to. */
export type FileField = 'kernel' | 'initrd' | DriveName;
export type ChosenFiles = Partial<Record<FileField, File>>;

/** Problems of a machine as the form has it now; the same rules as for the link. */
export function checkConfig(config: MachineConfig, files: ChosenFiles): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(SCHEMAS) as (keyof MachineConfig)[]) {
    const result = v.safeParse(SCHEMAS[name], String(config[name]));
    if (!result.success) problems.push(result.issues[0].message);
  }
  const most = maxMemoryMiB(Math.min(config.smp, MAX_CPUS));
  if (config.ram > most && config.ram <= maxMemoryMiB(1)) {
    problems.push(`With ${config.smp} CPUs ${config.ram} MiB of RAM do not fit: choose at most ${most} MiB.`);
  }
  const given = (name: FileField): boolean => files[name] !== undefined
    || readDrive(config[name]).address !== '';
  if (config.guest === 'custom' && !given('kernel') && !DRIVES.some(given)) {
    problems.push('A guest of your own needs something to boot: choose a kernel or a disk, CD or floppy image, or give its address.');
  }
  if (config.boot !== '' && given('kernel')) {
    problems.push('A kernel is started without firmware: leave out the kernel, or set "Boot from" to "automatic".');
  }
  return problems;
}
