// The display's thread: draws what changed into its OffscreenCanvas, at most 60 times a second, and half as
// often after a second without change. Whole rows are copied: a canvas cannot show shared memory.

import { phaseAt, Renderer, type ScreenInfo } from './renderer.ts';

/** To the thread. The first message is `show`. */
export type DisplayRequest =
  | { kind: 'show'; module: WebAssembly.Module; memory: WebAssembly.Memory; canvas: Canvas }
  | { kind: 'refresh' }
  | { kind: 'pause'; paused: boolean };
export type DisplayReply =
  | { kind: 'mode'; info: ScreenInfo }
  | { kind: 'rate'; framesPerSecond: number }
  | { kind: 'failed'; message: string };

/** The parts of the DOM used here; src/emu is checked without DOM types. */
export interface Canvas {
  width: number;
  height: number;
  getContext(kind: '2d', options: object): Context | null;
}
interface Context {
  putImageData(image: Image, x: number, y: number, left: number, top: number, width: number,
    height: number): void;
}
interface Image { data: Uint8ClampedArray }
declare const ImageData: new (width: number, height: number) => Image;
declare const requestAnimationFrame: ((callback: (now: number) => void) => number) | undefined;

const FRAME_MS = 16;
/** Displays of more than 60 Hz leave frames out; those of 60 Hz are not exact. */
const LEAST_MS = 14;
const IDLE_FRAMES = 60;
const SECOND_MS = 1000;

const nextFrame = (callback: (now: number) => void): void => {
  if (typeof requestAnimationFrame === 'function') requestAnimationFrame(callback);
  else setTimeout(() => callback(performance.now()), FRAME_MS);
};

export class CanvasLoop {
  private readonly renderer: Renderer;
  private readonly context: Context;
  private image: Image | undefined;
  private shown = '';
  private idle = 0;
  private odd = false;
  private paused = false;
  private whole = true;
  private frames = 0;
  private second = 0;
  private last = -Infinity;
  private rate = 0;

  constructor(module: WebAssembly.Module, memory: WebAssembly.Memory, private readonly canvas: Canvas,
    private readonly post: (message: DisplayReply) => void) {
    this.renderer = new Renderer(module, memory);
    this.renderer.release();
    const context = canvas.getContext('2d', { alpha: false });
    if (context === null) throw new Error('the canvas has no 2D context');
    this.context = context;
    this.tick(performance.now());
  }

  refresh(): void {
    this.whole = true;
  }

  pause(paused: boolean): void {
    const resumed = this.paused && !paused;
    this.paused = paused;
    this.whole = true;
    if (resumed) nextFrame((now) => this.tick(now));
  }

  private tick(now: number): void {
    if (this.paused) return;
    if (now - this.last >= LEAST_MS) {
      this.last = now;
      this.odd = !this.odd;
      if (this.idle < IDLE_FRAMES || this.odd) this.step(now);
    }
    nextFrame((then) => this.tick(then));
  }

  private step(now: number): void {
    const change = this.renderer.render(phaseAt(now));
    const { info } = this.renderer;
    if (info.width === 0) return;
    const mode = `${info.kind} ${info.width} ${info.height} ${info.bpp} ${info.columns} ${info.rows}`;
    if (mode !== this.shown) this.changeMode(info, mode);
    if (change !== undefined || this.whole) {
      const all = this.whole || change === undefined || change.resized;
      this.paint(info, all ? 0 : change.first, all ? info.height : change.end);
      this.idle = 0;
      this.frames++;
    } else this.idle++;
    if (now - this.second < SECOND_MS) return;
    const rate = Math.round(this.frames * SECOND_MS / (now - this.second));
    if (rate !== this.rate) this.post({ kind: 'rate', framesPerSecond: rate });
    this.rate = rate;
    this.frames = 0;
    this.second = now;
  }

  private changeMode(info: ScreenInfo, mode: string): void {
    this.shown = mode;
    if (this.canvas.width !== info.width || this.canvas.height !== info.height || this.image === undefined) {
      this.canvas.width = info.width;
      this.canvas.height = info.height;
      this.image = new ImageData(info.width, info.height);
      this.whole = true;
    }
    this.post({ kind: 'mode', info });
  }

  private paint(info: ScreenInfo, first: number, end: number): void {
    const { image } = this;
    const last = Math.min(end, info.height);
    if (image === undefined || first >= last) return;
    this.whole = false;
    image.data.set(this.renderer.pixels(info.width, first, last), first * info.width * 4);
    this.context.putImageData(image, 0, 0, 0, first, info.width, last - first);
  }
}
