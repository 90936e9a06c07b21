// The live panel: MIPS and load per CPU with a chart of the last minute, interrupts per line, lost
// interrupts.

import type { RateChart } from './chart.ts';
import { byId, el } from './dom.ts';
import { formatCount, formatDuration, formatMips } from './format.ts';
import { History, LostCounter, ratesBetween, type Rates, type StatsSample } from './rates.ts';

const SAMPLE_MS = 500;
const CHART_POINTS = 120;
/** As many as style.css has --cpu-N colours. */
const CPU_COLOURS = 8;

interface Previous {
  sample: StatsSample;
  atMs: number;
}

export class LivePanel {
  #timer: ReturnType<typeof setInterval> | undefined;
  #history: History | undefined;
  #chart: RateChart | undefined;
  #previous: Previous | undefined;
  #runningMs = 0;
  #lost = new LostCounter();
  readonly #parent = byId('chart');

  constructor(private readonly stats: () => StatsSample | undefined) {
    new ResizeObserver(() => this.#resize()).observe(this.#parent);
  }

  /** Starts from nothing, for a machine of that many CPUs. */
  begin(cpus: number): void {
    this.#history = new History(cpus, CHART_POINTS);
    this.#previous = undefined;
    this.#runningMs = 0;
    this.#lost = new LostCounter();
    byId('cpus').replaceChildren(...Array.from({ length: cpus }, (_unused, index) => cpuRow(index)));
    byId('lines').replaceChildren(el('tr', {}, el('td', { colSpan: 3, className: 'quiet' }, 'None yet')));
    byId('uptime').textContent = '';
    this.recolour();
    this.resume();
  }

  resume(): void {
    this.#timer ??= setInterval(() => this.#sample(), SAMPLE_MS);
  }

  /** Keeps what is shown; time does not count. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#previous = undefined;
  }

  /** Draws the chart anew in the colours of now. */
  recolour(): void {
    if (this.#history === undefined) return;
    // The chart's library comes when there is something to draw.
    const history = this.#history;
    void import('./chart.ts').then(({ RateChart }) => {
      if (history !== this.#history) return;
      this.#chart?.destroy();
      this.#chart = new RateChart(this.#parent, history.cpus, history.data, CPU_COLOURS);
    });
  }

  #resize(): void {
    const width = this.#parent.clientWidth;
    if (width > 0) this.#chart?.resize(width);
  }

  #sample(): void {
    const sample = document.hidden ? undefined : this.stats();
    if (sample === undefined) return;
    const atMs = performance.now();
    if (this.#previous !== undefined) {
      const elapsedMs = atMs - this.#previous.atMs;
      this.#show(ratesBetween(this.#previous.sample, sample, elapsedMs), elapsedMs);
    }
    this.#previous = { sample, atMs };
  }

  #show(rates: Rates, elapsedMs: number): void {
    this.#runningMs += elapsedMs;
    byId('uptime').textContent = formatDuration(this.#runningMs);
    byId('mips').textContent = formatMips(rates.mips);
    const rows = byId<HTMLTableSectionElement>('cpus').rows;
    rates.cpus.forEach((cpu, index) => {
      const row = rows[index];
      if (row === undefined) return;
      const percent = Math.round(cpu.load * 100);
      const meter = row.querySelector<HTMLElement>('.meter');
      meter?.style.setProperty('--load', `${percent}%`);
      meter?.setAttribute('aria-label', `${percent} % busy`);
      const figure = row.querySelector('.mips');
      if (figure !== null) figure.textContent = formatMips(cpu.mips);
    });
    this.#history?.push(this.#runningMs / 1000, rates.cpus.map((cpu) => cpu.mips));
    if (this.#history !== undefined) this.#chart?.show(this.#history.data);
    showInterrupts(rates, this.#lost.add(rates.lost));
  }
}

function cpuRow(index: number): HTMLTableRowElement {
  const meter = el('span', { className: 'meter', role: 'img', 'aria-label': '0 % busy' });
  meter.style.setProperty('--colour', `var(--cpu-${index % CPU_COLOURS})`);
  return el('tr', {},
    el('th', { scope: 'row' }, `CPU ${index}`),
    el('td', {}, meter),
    el('td', { className: 'mips' }, '–'));
}

function showInterrupts(rates: Rates, lostCount: number): void {
  const lost = byId('lost');
  lost.textContent = `${formatCount(lostCount)} lost`;
  lost.classList.toggle('bad', lostCount > 0);
  if (rates.lines.length === 0) return;
  byId('lines').replaceChildren(...rates.lines.map(({ line, count, perSecond }) => el('tr', {},
    el('th', { scope: 'row' }, line),
    el('td', {}, formatCount(count)),
    el('td', {}, perSecond >= 9.95 || perSecond === 0 ? formatCount(perSecond) : perSecond.toFixed(1)))));
}
