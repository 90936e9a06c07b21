// The profile for people: a few sentences and tables, and the same as a page of text.

import type { ProfileReport } from './report.ts';

export interface ProfileRow {
  name: string;
  /** Of the table's whole, 0 to 1, where there is one. */
  share?: number;
  /** Further figures, in the order of the table's `columns`. */
  figures: string[];
}
export interface ProfileTable { title: string; columns: string[]; rows: ProfileRow[] }
export interface ProfileTables { summary: string[]; tables: ProfileTable[] }

/** With a space that does not break. */
const percent = (share: number): string => `${(100 * share).toFixed(1)}\u00a0%`;
const whole = (value: number): string => Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');

function summary({ time, seconds, samples, samplesLost, executed, translator }: ProfileReport): string[] {
  const lines = [
    `${seconds.toFixed(1)} s, ${whole(samples)} samples (${whole(samplesLost)} lost), ${
      whole(executed.instructions / 1e6)} million instructions, ${
      percent(executed.interpretedShare)} interpreted`,
    `idle ${percent(time.idle)}, kernel ${percent(time.kernel)}, user ${percent(time.user)}; ${
      percent(time.translated)} of the rest in translated code`,
  ];
  if (translator.modules === 0) return lines;
  const { regions, dropped } = translator;
  return [...lines, `translator: ${whole(regions)} regions (${whole(dropped)} dropped), ${
    whole(translator.modules)} modules, ${(translator.moduleBytes / 1e6).toFixed(2)} MB; ${
    translator.translateMs.toFixed(0)} ms translating, of these ${
    translator.compileMs.toFixed(0)} ms compiling`];
}

/** The `top` entries of every table; tables without entries are left out. */
export function profileTables(report: ProfileReport, top = 20): ProfileTables {
  const { seconds } = report;
  const { SAMPLES: _, SAMPLES_LOST: __, TRANSLATE_NS: ___, COMPILE_NS: ____, ...events } = report.counts;
  const counters = (title: string, counts: Record<string, number>, limit = top): ProfileTable => ({
    title, columns: ['count', 'per second'],
    rows: Object.entries(counts).filter(([, count]) => count > 0).slice(0, limit)
      .map(([name, count]) => ({ name, figures: [whole(count), whole(count / seconds)] })),
  });
  const tables: ProfileTable[] = [
    { title: 'time by function or page', columns: ['translated'], rows: report.functions.slice(0, top)
      .map(({ name, share, translated }) => ({ name, share,
        figures: [translated > 0 ? percent(translated) : ''] })) },
    { title: 'time by page', columns: [], rows: report.pages.slice(0, top)
      .map(({ page, ring, space, share }) => ({ name: `${page} ${ring}${space === undefined ? '' : ` ${space}`}`, share, figures: [] })) },
    { title: 'instructions by form', columns: [], rows: report.instructions.slice(0, top)
      .map(({ name, share }) => ({ name, share, figures: [] })) },
    { title: 'handlers called from translated code', columns: ['count'], rows: report.helpers.slice(0, top)
      .map(({ name, share, count }) => ({ name, share, figures: [whole(count)] })) },
    counters('regions left because of', report.exits),
    counters('events', events, 2 * top),
    counters('exceptions', report.exceptions),
    counters('interrupts accepted, by vector', report.interrupts.vectors),
    { title: 'chips', columns: ['accesses', 'ms'], rows: Object.entries(report.devices).slice(0, top)
      .map(([name, { accesses, ms }]) => ({ name, figures: [whole(accesses), ms.toFixed(1)] })) },
  ];
  return { summary: summary(report), tables: tables.filter(({ rows }) => rows.length > 0) };
}

/** Widths of the text's columns. */
const NAME = 24;
const FIGURE = 15;

function textRow({ name, share, figures }: ProfileRow, columns: readonly string[]): string {
  if (share === undefined) {
    return `  ${name.padEnd(NAME)}${figures.map((figure) => ` ${figure.padStart(FIGURE)}`).join('')}`;
  }
  const notes = figures.map((figure, n) => (figure === '' ? '' : `  (${columns[n]} ${figure})`)).join('');
  return `  ${percent(share).padStart(7)}  ${name}${notes}`;
}

/** The same as text. */
export function profileText(report: ProfileReport, top = 20): string {
  const { summary: lines, tables } = profileTables(report, top);
  return [...lines, ...tables.flatMap(({ title, columns, rows }) => {
    const heads = rows[0]?.share === undefined ? ` (${columns.join(', ')})` : '';
    return ['', `${title}${heads}`, ...rows.map((row) => textRow(row, columns))];
  }), ''].join('\n').replaceAll('\u00a0', ' ');
}
