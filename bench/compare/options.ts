// The arguments of `skep bench compare`.

import { parseArgs } from 'node:util';
import { GROUPS, RUNNERS, type Group, type Runner } from './results.ts';

export const USAGE = `usage: skep bench compare [--only LIST] [--peers qemu,native] [--rounds N] [--engine E] [--scale X]
                          [--json FILE] [--record] [--skep COMMAND]
LIST: groups (cpu, system, parallel, boot, i386), programs of vmbench, boots (mini, mini-smp8, debian13,
debian13-smp8). i386 compares with v86 in Chromium and is only done when named.`;

export const BOOTS = ['mini', 'mini-smp8', 'debian13', 'debian13-smp8'] as const;
export type Boot = (typeof BOOTS)[number];
const DEFAULT_BOOTS: readonly Boot[] = ['mini', 'debian13'];
const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 100;
const ENGINES = ['interpreter', 'translator'];
const CHOICES = new Map<string, readonly string[]>([['boot', BOOTS], ...Object.entries(GROUPS)]);

export interface CompareOptions {
  programs: string[];
  boots: Boot[];
  i386: boolean;
  peers: Runner[];
  rounds: number;
  /** undefined: as `skep boot` has it. */
  engine: string | undefined;
  scale: number;
  json: string | undefined;
  /** Append a line to bench/results.ndjson. */
  record: boolean;
  /** Command line in place of the shipped one. */
  skep: string | undefined;
}

/** One sentence with the value and what to do. */
export class OptionError extends Error {
  override name = 'OptionError';
}

function refuse(what: string, known: Iterable<string>): never {
  throw new OptionError(`${what} Choose from ${[...known].join(', ')}.`);
}

function number(option: string, text: string, least: number, most: number): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (Number.isNaN(value)) throw new OptionError(`${option} "${text}" is not a number.`);
  if (value < least || value > most) {
    throw new OptionError(`${option} ${text} is out of range: choose ${least} to ${most}.`);
  }
  return value;
}

const words = (text: string): string[] => text.split(',').map((word) => word.trim());

function select(only: string | undefined): Pick<CompareOptions, 'programs' | 'boots' | 'i386'> {
  const programs: readonly string[] = Object.values(GROUPS).flat();
  if (only === undefined) return { programs: [...programs], boots: [...DEFAULT_BOOTS], i386: false };
  const chosen = new Set<string>();
  let i386 = false;
  for (const word of words(only)) {
    if (word === 'i386') i386 = true;
    else if (CHOICES.has(word)) CHOICES.get(word)?.forEach((name) => chosen.add(name));
    else if ([...programs, ...BOOTS].includes(word)) chosen.add(word);
    else refuse(`There is nothing called "${word}" to compare.`, [...CHOICES.keys(), 'i386', ...programs, ...BOOTS]);
  }
  return { programs: [...chosen].filter((name) => programs.includes(name)),
    boots: BOOTS.filter((name) => chosen.has(name)), i386 };
}

export function parseArguments(argv: readonly string[]): CompareOptions {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({ args: [...argv], options: {
      only: { type: 'string' }, peers: { type: 'string' }, rounds: { type: 'string' },
      engine: { type: 'string' }, scale: { type: 'string' }, json: { type: 'string' },
      record: { type: 'boolean' }, skep: { type: 'string' },
    } }));
  } catch (error) {
    throw new OptionError(`${(error as Error).message.split('. ')[0]}.\n${USAGE}`);
  }
  const text = (name: string): string | undefined => values[name] as string | undefined;
  const peers = words(text('peers') ?? 'qemu,native');
  const known = RUNNERS.filter((runner) => runner === 'qemu' || runner === 'native');
  const strange = peers.find((peer) => !known.some((runner) => runner === peer));
  if (strange !== undefined) refuse(`There is no peer "${strange}".`, known);
  const engine = text('engine');
  if (engine !== undefined && !ENGINES.includes(engine)) refuse(`There is no engine "${engine}".`, ENGINES);
  return { ...select(text('only')), peers: peers as Runner[], engine,
    rounds: Math.round(number('--rounds', text('rounds') ?? String(DEFAULT_ROUNDS), 1, MAX_ROUNDS)),
    scale: number('--scale', text('scale') ?? '1', 0.001, 100), json: text('json'),
    record: values['record'] === true, skep: text('skep') };
}

/** The group of a program. */
export function groupOf(program: string): Group | undefined {
  return (Object.keys(GROUPS) as Group[]).find((group) =>
    (GROUPS[group] as readonly string[]).includes(program));
}
