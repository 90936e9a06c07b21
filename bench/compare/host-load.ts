// Was the host quiet enough for a timing? Processor time of everybody else (all CPUs' busy time less our own
// and our descendants') and time that a hypervisor kept from the host, between two looks at /proc/stat and
// /proc/PID/stat (proc(5)). Hosts without /proc give no answer, and no figure of theirs counts as sound.

import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

export interface HostLook {
  /** Ticks of all CPUs since the boot: busy, stolen, all. */
  busy: number;
  steal: number;
  all: number;
  /** Ticks of this process, of its descendants, and of those of their children that have ended. */
  own: number;
}

export interface HostLoad {
  /** Host CPUs that others kept busy, on average, and the share of time that was stolen. */
  others: number;
  steal: number;
  sound: boolean;
}

/** Others may use that many CPUs, and the hypervisor that share, before a figure is not sound. */
const MOST_OTHERS = 0.15;
const MOST_STEAL = 0.03;
/** Fields of /proc/stat's first line. */
const STAT = { IDLE: 3, IOWAIT: 4, STEAL: 7, FIELDS: 8 } as const;
/** Of /proc/self/stat, behind the name: utime, stime, cutime, cstime. */
const SELF_TIMES = [11, 12, 13, 14] as const;
const PARENT = 1;

/** What stands behind the name in a process's line. */
const processFields = (text: string): number[] =>
  text.slice(text.lastIndexOf(')') + 2).split(' ').map(Number);

const ticksOf = (text: string): number => {
  const fields = processFields(text);
  return SELF_TIMES.reduce((sum, n) => sum + (fields[n] ?? 0), 0);
};

/** Of the lines of all processes by number, those of the ones that descend from process `ancestor`. */
export function descendants(lines: ReadonlyMap<number, string>, ancestor: number): string[] {
  const found = new Set([ancestor]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const [id, line] of lines) if (found.has(processFields(line)[PARENT] ?? 0)) found.add(id);
  }
  found.delete(ancestor);
  return [...found].map((id) => lines.get(id) ?? '');
}

/** The lines of all processes there are. */
function processLines(): Map<number, string> {
  const lines = new Map<number, string>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      lines.set(Number(name), readFileSync(`/proc/${name}/stat`, 'utf8'));
    } catch {
      // It has ended meanwhile; its parent has its ticks.
    }
  }
  return lines;
}

/** Reads the texts: of the host, of this process and its descendants; undefined where they are others. */
export function parseLook(stat: string, own: readonly string[]): HostLook | undefined {
  const fields = stat.split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  if (fields.length < STAT.FIELDS || fields.some(Number.isNaN)) return undefined;
  // Guest time is part of user time already.
  const all = fields.slice(0, STAT.FIELDS).reduce((sum, ticks) => sum + ticks, 0);
  const steal = fields[STAT.STEAL] ?? 0;
  const idle = (fields[STAT.IDLE] ?? 0) + (fields[STAT.IOWAIT] ?? 0);
  return { all, steal, busy: all - idle - steal,
    own: own.reduce((sum, text) => sum + ticksOf(text), 0) };
}

export function look(): HostLook | undefined {
  try {
    const lines = processLines();
    return parseLook(readFileSync('/proc/stat', 'utf8'),
      [lines.get(process.pid) ?? '', ...descendants(lines, process.pid)]);
  } catch {
    return undefined;
  }
}

export function loadBetween(before: HostLook | undefined, after: HostLook | undefined,
  hostCpus = cpus().length): HostLoad {
  if (before === undefined || after === undefined || after.all === before.all) {
    return { others: NaN, steal: NaN, sound: false };
  }
  const all = after.all - before.all;
  const others = Math.max(0, (after.busy - before.busy - (after.own - before.own)) / all) * hostCpus;
  const steal = (after.steal - before.steal) / all;
  return { others, steal, sound: others <= MOST_OTHERS && steal <= MOST_STEAL };
}

/** One line for people. */
export function describeHost(loads: readonly HostLoad[]): string {
  const worst = (pick: (load: HostLoad) => number): number => Math.max(0, ...loads.map(pick));
  const noisy = loads.filter(({ sound }) => !sound).length;
  const figures = `others used up to ${worst(({ others }) => others).toFixed(2)} CPUs, up to ${
    (100 * worst(({ steal }) => steal)).toFixed(1)} % of the time was stolen, load average ${
    (loadavg()[0] ?? 0).toFixed(2)} on ${cpus().length} CPUs`;
  return noisy === 0 ? `host quiet: ${figures}`
    : `NOT SOUND: the host was busy in ${noisy} of ${loads.length} runs (${figures}). Repeat on a quiet host.`;
}
