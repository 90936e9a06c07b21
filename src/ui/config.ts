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
export const GUESTS = ['mini', 'debian13', 'custom'] as const;
export type GuestName = (typeof GUESTS)[number];
/** What the page calls them. */
export const GUEST_TITLES: Readonly<Record<GuestName, string>> = {
  mini: 'Debian 13 mini', debian13: 'Debian 13', custom: 'Your own kernel',
};
/** RAM in MiB where nobody says otherwise. */
const GUEST_RAM: Readonly<Record<GuestName, number>> = { mini: 512, debian13: 1024, custom: 512 };

/** Smallest RAM that a link may ask for; a Linux kernel needs some 64 MiB. */
export const MIN_RAM_MIB = 16;
/** COMMAND_LINE_SIZE of Linux on x86. */
export const MAX_APPEND_CHARACTERS = 2047;

/** Parameters of the page that this version reads but cannot serve yet. */
const NOT_YET: Readonly<Record<string, string>> = {
  hda: 'disks', hdb: 'disks', cdrom: 'disks', fda: 'disks', boot: 'disks',
  net: 'network cards', relay: 'network cards', snapshot: 'snapshots',
};

export interface MachineConfig {
  guest: GuestName;
  smp: number;
  ram: number;
  cpu: (typeof CPU_MODELS)[number];
  /** Addresses; empty = the guest's own. A file chosen in the form is not part of the link. */
  kernel: string;
  initrd: string;
  append: string;
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
    append: '' };
}

const integer = (name: string, low: number, high: number, unit: string) => v.pipe(
  v.string(),
  v.check((text) => /^\d+$/.test(text) && Number(text) >= low && Number(text) <= high,
    (issue) => `${name}=${String(issue.input)} is not possible: give a whole number from ${low} to ${high}${unit}.`),
  v.transform(Number));

const choice = <const T extends readonly string[]>(name: string, values: T) => v.picklist(values,
  (issue) => `${name}=${String(issue.input)} is unknown: choose one of ${values.join(', ')}.`);

const address = (name: string) => v.pipe(v.string(), v.check(
  (text) => text === '' || isFetchable(text),
  ({ input }) => `${name}=${String(input)} is not an address that a page can load: `
    + 'use http(s): or a relative path.'));

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
} as const;
const VIEW = choice('screen', VIEWS);

/** Reads the URL's query. `cores` is the number of host processors. */
export function parseParameters(query: string, cores: number): ParsedParameters {
  const given = new URLSearchParams(query);
  const config = defaultConfig(cores);
  const problems: string[] = [];
  let view: View = 'serial';
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
  // A kernel by address is a guest of one's own, whether or not the link says so.
  if (config.kernel !== '' && !given.has('guest')) config.guest = 'custom';
  if (!given.has('ram')) config.ram = GUEST_RAM[config.guest];
  const autostart = given.has('autostart') && !/^(0|no|false)$/i.test(given.get('autostart') ?? '');
  return { config, autostart, view, problems };
}

/** The query that describes this machine; only what differs from the defaults is in it. */
export function toQuery(config: MachineConfig, cores: number, autostart: boolean): string {
  const defaults = { ...defaultConfig(cores, config.guest), guest: defaultConfig(cores).guest };
  const out = new URLSearchParams();
  for (const name of Object.keys(SCHEMAS) as (keyof MachineConfig)[]) {
    // How many CPUs the default is depends on the host, so a link always says it.
    if (name === 'smp' || config[name] !== defaults[name]) out.set(name, String(config[name]));
  }
  const query = out.toString();
  return `?${query}${autostart ? '&autostart' : ''}`;
}

/** Problems of a machine as the form has it now; the same rules as for the link. */
export function checkConfig(config: MachineConfig, hasKernelFile: boolean): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(SCHEMAS) as (keyof MachineConfig)[]) {
    const result = v.safeParse(SCHEMAS[name], String(config[name]));
    if (!result.success) problems.push(result.issues[0].message);
  }
  const most = maxMemoryMiB(Math.min(config.smp, MAX_CPUS));
  if (config.ram > most && config.ram <= maxMemoryMiB(1)) {
    problems.push(`With ${config.smp} CPUs ${config.ram} MiB of RAM do not fit: choose at most ${most} MiB.`);
  }
  if (config.guest === 'custom' && config.kernel === '' && !hasKernelFile) {
    problems.push('A guest of your own needs a kernel: choose a file or give its address.');
  }
  return problems;
}
