// The profile as a page of text.

import type { ProfileReport } from './report.ts';

const percent = (share: number): string => `${(100 * share).toFixed(1).padStart(5)} %`;
const whole = (value: number): string => Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');

function rows(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function counters(title: string, counts: Record<string, number>, seconds: number, top: number): string[] {
  const lines = Object.entries(counts).filter(([, count]) => count > 0).slice(0, top).map(([name, count]) =>
    `${name.padEnd(24)} ${whole(count).padStart(15)}  ${whole(count / seconds).padStart(12)}/s`);
  return rows(title, lines);
}

/** The `top` entries of every table. */
export function profileText(report: ProfileReport, top = 20): string {
  const { time, seconds, executed, translator } = report;
  const compiled = `${whole(translator.modules)} modules, ${(translator.moduleBytes / 1e6).toFixed(2)} MB; `
    + `${translator.translateMs.toFixed(0)} ms translating, of these ${
      translator.compileMs.toFixed(0)} ms compiling`;
  const { SAMPLES: _, SAMPLES_LOST: __, TRANSLATE_NS: ___, COMPILE_NS: ____, ...events } = report.counts;
  return [
    `${seconds.toFixed(1)} s, ${whole(report.samples)} samples (${whole(report.samplesLost)} lost), ${
      whole(executed.instructions / 1e6)} million instructions, interpreted${
      percent(executed.interpretedShare)}`,
    `time: idle${percent(time.idle)}, kernel${percent(time.kernel)}, user${percent(time.user)}; in translated code${
      percent(time.translated)} of the rest`,
    ...(translator.modules === 0 ? [] : [`translator: ${whole(translator.regions)} regions (${
      whole(translator.dropped)} dropped), ${compiled}`]),
    ...rows('time by function or page', report.functions.slice(0, top).map((entry) =>
      `${percent(entry.share)}  ${entry.name}${entry.translated > 0
        ? ` (translated${percent(entry.translated)})` : ''}`)),
    ...rows('time by page', report.pages.slice(0, top).map((entry) =>
      `${percent(entry.share)}  ${entry.page} ${entry.ring}${entry.space === undefined ? '' : ` ${entry.space}`}`)),
    ...rows('instructions by form', report.instructions.slice(0, top).map((entry) =>
      `${percent(entry.share)}  ${entry.name}`)),
    ...rows('handlers called from translated code', report.helpers.slice(0, top).map((entry) =>
      `${percent(entry.share)}  ${entry.name}  ${whole(entry.count)}`)),
    ...counters('regions left because of', report.exits, seconds, top),
    ...counters('events', events, seconds, 40),
    ...counters('exceptions', report.exceptions, seconds, top),
    ...counters('interrupts accepted, by vector', report.interrupts.vectors, seconds, top),
    ...rows('chips', Object.entries(report.devices).slice(0, top).map(([name, { accesses, ms }]) =>
      `${name.padEnd(16)} ${whole(accesses).padStart(12)} accesses ${ms.toFixed(1).padStart(9)} ms`)),
    '',
  ].join('\n');
}
