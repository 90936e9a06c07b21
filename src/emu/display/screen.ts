// The machine's screen: pictures and text for programs, and a canvas that follows it (in its own thread where
// the platform has one). Usable in every state of the machine; memory outlives the workers.

import { FRAME, Frame } from '../generated-layout.ts';
import { SkepError } from '../errors.ts';
import type { CanvasLink, Platform } from '../platform.ts';
import { characterOf } from './code-page.ts';
import { encodePng } from './png.ts';
import { PHASE_LIT, Renderer, type ScreenInfo } from './renderer.ts';

/** A picture: RGBA, top row first. */
export interface Picture {
  width: number;
  height: number;
  rgba: Uint8ClampedArray<ArrayBuffer>;
}

/** What draws into a canvas tells. */
export interface CanvasEvents {
  onMode?(info: ScreenInfo): void;
  /** Pictures drawn in the last second, when the number changes; 0 = the screen stands still. */
  onRate?(framesPerSecond: number): void;
  onError?(error: SkepError): void;
}

/** Time for the last picture. */
const LAST_PICTURE_MS = 300;
/** Code and attribute. */
const CELL_BYTES = 2;

export class Screen {
  private renderer: Renderer | undefined;
  private readonly links = new Set<CanvasLink>();

  constructor(private readonly module: WebAssembly.Module, private readonly memory: WebAssembly.Memory,
    private readonly platform: Platform) {}

  private look(): Renderer {
    this.renderer ??= new Renderer(this.module, this.memory);
    this.renderer.complete(PHASE_LIT);
    return this.renderer;
  }

  get info(): ScreenInfo {
    return this.look().info;
  }

  /** What the screen shows now, with the cursor lit. */
  capture(): Picture {
    const renderer = this.look();
    const { width, height } = renderer.info;
    const rgba = new Uint8ClampedArray(width * height * 4);
    rgba.set(renderer.pixels(width, 0, height));
    // A canvas that asks for nothing but changes must see those that this look has taken.
    this.links.forEach((link) => link.refresh());
    return { width, height, rgba };
  }

  /** The same as the bytes of a PNG file. */
  screenshot(): Promise<Uint8Array> {
    return encodePng(this.capture());
  }

  /** The lines of a text mode without trailing blanks; empty in other modes. */
  text(): string[] {
    const renderer = this.look();
    const { kind, columns, rows } = renderer.info;
    if (kind !== 'text') return [];
    const cells = new DataView(this.memory.buffer, FRAME + Frame.TEXT);
    return Array.from({ length: rows }, (_, row) => {
      let line = '';
      for (let n = 0; n < columns; n++) line += characterOf(cells.getUint8((row * columns + n) * CELL_BYTES));
      return line.trimEnd();
    });
  }

  /**
   * Lets a canvas follow the screen until the link is closed. `canvas` is an OffscreenCanvas and belongs to
   * the display from now on. Throws SkepError 'unsupported' where there are no canvases.
   */
  attach(canvas: unknown, events: CanvasEvents = {}): CanvasLink {
    const show = this.platform.showScreen;
    if (show === undefined) {
      throw new SkepError('unsupported', 'This host has no canvas to show a screen on.',
        'Use capture() or screenshot() for pictures.');
    }
    const link = show(this.module, this.memory, canvas, events);
    const attached: CanvasLink = {
      refresh: () => link.refresh(),
      pause: (paused) => link.pause(paused),
      close: () => {
        this.links.delete(attached);
        link.close();
      },
    };
    this.links.add(attached);
    return attached;
  }

  /** The machine is over: canvases keep its last picture; pictures can still be taken. */
  close(): void {
    const links = [...this.links];
    if (links.length > 0) setTimeout(() => links.forEach((link) => link.close()), LAST_PICTURE_MS);
  }

  /** Address of the present picture, for tests that count what is stored. */
  static readonly pixels = FRAME + Frame.PIXELS;
}
