// Was the host quiet enough for a timing? Processor time of everybody else (all CPUs' busy time less our own
// and our children's) and time that a hypervisor kept from the host, between two looks at /proc/stat and
// /proc/self/stat (proc(5)). Hosts without /proc give no answer, and no figure of theirs counts as sound.

import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

export interface HostLook {
  /** Ticks of all CPUs since the boot: busy, stolen, all. */
  busy: number;
  steal: number;
  all: number;
  /** Ticks of this process and of its children that have ended. */
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

/** Reads the two files' texts; undefined where they are something else. */
export function parseLook(stat: string, self: string): HostLook | undefined {
  const fields = stat.split('\n')[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  const own = self.slice(self.lastIndexOf(')') + 2).split(' ').map(Number);
  if (fields.length < STAT.FIELDS || fields.some(Number.isNaN)) return undefined;
  // Guest time is part of user time already.
  const all = fields.slice(0, STAT.FIELDS).reduce((sum, ticks) => sum + ticks, 0);
  const steal = fields[STAT.STEAL] ?? 0;
  const idle = (fields[STAT.IDLE] ?? 0) + (fields[STAT.IOWAIT] ?? 0);
  return { all, steal, busy: all - idle - steal,
    own: SELF_TIMES.reduce((sum, n) => sum + (own[n] ?? 0), 0) };
}

export function look(): HostLook | undefined {
  try {
    return parseLook(readFileSync('/proc/stat', 'utf8'), readFileSync('/proc/self/stat', 'utf8'));
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
