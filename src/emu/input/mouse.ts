// The user's hand on the machine's mouse: relative movement, five buttons, a wheel. Movements larger than a
// record's bytes are split; what does not fit into the ring follows when the guest has read some of it.

/** Puts one whole record (buttons, dx, dy up positive, dz) into the mouse's ring; false when it is full. */
export type MouseWire = (buttons: number, dx: number, dy: number, dz: number) => boolean;

export type MouseButton = 'left' | 'right' | 'middle' | 'back' | 'forward';
const BUTTON_BITS: Record<MouseButton, number> = { left: 1, right: 2, middle: 4, back: 8, forward: 16 };
const STEP = 127;
/** Records at a time: a guest needs no more of a hand that crosses the desk. */
const MAX_RECORDS = 16;
const RETRY_MS = 10;
/** Changes of buttons that wait for room; more than a hand can make. */
const MAX_WAITING = 64;

const clamp = (v: number): number => Math.max(-STEP, Math.min(STEP, v));

export class Mouse {
  private buttons = 0;
  /** States of the buttons that have not gone, oldest first. */
  private waiting: number[] = [];
  private sent = 0;
  private dx = 0;
  private dy = 0;
  private dz = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly wire: MouseWire) {}

  /** Movement in pixels as a page sees it: right and down are positive. Fractions are kept. */
  move(dx: number, dy: number): void {
    this.dx += dx;
    this.dy -= dy;
    this.flush();
  }

  /** Clicks of the wheel, towards the user positive. Fractions are kept. */
  wheel(clicks: number): void {
    this.dz += clicks;
    this.flush();
  }

  button(button: MouseButton, down: boolean): void {
    const bit = BUTTON_BITS[button];
    this.setButtons(down ? this.buttons | bit : this.buttons & ~bit);
  }

  releaseAll(): void {
    this.setButtons(0);
  }

  /** Forgets what waits: the machine is another one or none. */
  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting = [];
    this.buttons = this.sent = this.dx = this.dy = this.dz = 0;
  }

  private setButtons(next: number): void {
    if (next === this.buttons) return;
    this.buttons = next;
    if (this.waiting.length < MAX_WAITING) this.waiting.push(next);
    else this.waiting[MAX_WAITING - 1] = next;
    this.flush();
  }

  /** Movement first, with the buttons as they were, then each change of the buttons. */
  private flush(): void {
    if (this.timer !== undefined) return;
    for (let n = 0; n < MAX_RECORDS; n++) {
      const x = clamp(Math.trunc(this.dx));
      const y = clamp(Math.trunc(this.dy));
      const z = clamp(Math.trunc(this.dz));
      const still = x === 0 && y === 0 && z === 0;
      if (still && this.waiting.length === 0) return;
      const buttons = still ? this.waiting[0] ?? this.sent : this.sent;
      if (!this.wire(buttons, x, y, z)) break;
      if (still) this.waiting.shift();
      this.sent = buttons;
      this.dx -= x;
      this.dy -= y;
      this.dz -= z;
    }
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, RETRY_MS);
    (this.timer as { unref?(): void }).unref?.();
  }
}
