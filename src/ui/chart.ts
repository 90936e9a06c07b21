// The chart of the live panel: one line per CPU over the last minute, in the colours of the present theme.
// Loaded when the first machine starts.

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { themeColor } from './theme.ts';

const HEIGHT = 96;

/** Times in seconds, then a row of values per line. */
type Rows = readonly (readonly (number | null)[])[];

export class RateChart {
  readonly #plot: uPlot;

  /** `colours`: as many as style.css has --cpu-N. */
  constructor(parent: HTMLElement, lines: number, rows: Rows, colours: number) {
    const grid = { stroke: themeColor('--line'), width: 1 };
    const axis = { stroke: themeColor('--quiet'), grid, ticks: { show: false }, font: '11px system-ui' };
    this.#plot = new uPlot({
      width: parent.clientWidth || 300, height: HEIGHT,
      legend: { show: false }, cursor: { show: false },
      scales: { x: { time: false }, y: { range: (_chart, _low, high) => [0, Math.max(10, high * 1.1)] } },
      axes: [{ show: false }, { ...axis, size: 40, space: 32 }],
      series: [{}, ...Array.from({ length: lines }, (_unused, index) => ({
        stroke: themeColor(`--cpu-${index % colours}`), width: 1.5, points: { show: false },
      }))],
    }, rows as uPlot.AlignedData, parent);
  }

  show(rows: Rows): void {
    this.#plot.setData(rows as uPlot.AlignedData);
  }

  resize(width: number): void {
    this.#plot.setSize({ width, height: HEIGHT });
  }

  destroy(): void {
    this.#plot.destroy();
  }
}
