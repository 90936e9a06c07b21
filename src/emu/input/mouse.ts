// The user's hand on the machine's mouse: relative movement, five buttons, a wheel. Movements larger than a
// record's bytes are split; what does not fit into the ring is added to the next movement.

/** Puts one whole record (buttons, dx, dy up positive, dz) into the mouse's ring; false when it is full. */
export type MouseWire = (buttons: number, dx: number, dy: number, dz: number) => boolean;

export type MouseButton = 'left' | 'right' | 'middle' | 'back' | 'forward';
const BUTTON_BITS: Record<MouseButton, number> = { left: 1, right: 2, middle: 4, back: 8, forward: 16 };
const STEP = 127;
/** Records for one movement: a guest needs no more of a hand that crosses the desk. */
const MAX_RECORDS = 16;

const clamp = (v: number): number => Math.max(-STEP, Math.min(STEP, v));

export class Mouse {
  private buttons = 0;
  private dx = 0;
  private dy = 0;
  private dz = 0;

  constructor(private readonly wire: MouseWire) {}

  /** Movement in pixels as a page sees it: right and down are positive. Fractions are kept. */
  move(dx: number, dy: number): void {
    this.dx += dx;
    this.dy -= dy;
    this.flush(false);
  }

  /** Clicks of the wheel, towards the user positive. */
  wheel(clicks: number): void {
    this.dz += clicks;
    this.flush(false);
  }

  button(button: MouseButton, down: boolean): void {
    const bit = BUTTON_BITS[button];
    const next = down ? this.buttons | bit : this.buttons & ~bit;
    if (next === this.buttons) return;
    this.buttons = next;
    this.flush(true);
  }

  releaseAll(): void {
    if (this.buttons === 0) return;
    this.buttons = 0;
    this.flush(true);
  }

  private flush(force: boolean): void {
    let forced = force;
    for (let n = 0; n < MAX_RECORDS; n++) {
      const x = clamp(Math.trunc(this.dx));
      const y = clamp(Math.trunc(this.dy));
      const z = clamp(Math.trunc(this.dz));
      if (x === 0 && y === 0 && z === 0 && !forced) return;
      if (!this.wire(this.buttons, x, y, z)) return;
      forced = false;
      this.dx -= x;
      this.dy -= y;
      this.dz -= z;
    }
  }
}
