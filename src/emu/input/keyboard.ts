// The user's hands on the machine's keyboard: physical keys, typed text, key combinations. Scancodes wait
// here while the keyboard's ring is full; the ring drains as fast as the guest reads its controller.

import { scancodesOf, scancodesOfCharacter, type KeyCode } from './scancodes.ts';

/** Puts as many bytes as fit into the keyboard's ring; returns how many. */
export type KeyboardWire = (bytes: Uint8Array) => number;

/** Waiting bytes beyond which nothing more is taken: half a megabyte of text. */
const MAX_WAITING = 1 << 20;
const RETRY_MS = 10;

export class Keyboard {
  private readonly down = new Set<KeyCode>();
  private waiting: number[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly wire: KeyboardWire) {}

  /** A key goes down; again while it is held repeats it. False for a key that a PC does not have. */
  press(code: KeyCode): boolean {
    const codes = scancodesOf(code, true);
    if (codes === undefined) return false;
    this.down.add(code);
    return this.send(codes);
  }

  release(code: KeyCode): boolean {
    if (!this.down.delete(code)) return false;
    return this.send(scancodesOf(code, false) ?? []);
  }

  /** Lets go of everything: the page lost the focus and will not see the keys come up. */
  releaseAll(): void {
    [...this.down].reverse().forEach((code) => this.release(code));
  }

  /** Keys down in this order and up in the reverse one, as in Ctrl-Alt-Del. */
  combination(...codes: readonly KeyCode[]): void {
    codes.forEach((code) => this.press(code));
    [...codes].reverse().forEach((code) => this.release(code));
  }

  /** Types text on a US layout; returns how many characters it had to leave out. */
  type(text: string): number {
    let unknown = 0;
    for (const character of text.replaceAll('\r\n', '\n')) {
      const codes = scancodesOfCharacter(character);
      if (codes === undefined || !this.send(codes)) unknown++;
    }
    return unknown;
  }

  /** Bytes as the keyboard's wire carries them (set 2), behind those that wait; false when too many wait. */
  send(codes: Iterable<number>): boolean {
    if (this.waiting.length > MAX_WAITING) return false;
    for (const code of codes) this.waiting.push(code);
    this.flush();
    return true;
  }

  /** Bytes that the machine has not taken yet. */
  get pending(): number {
    return this.waiting.length;
  }

  /** Forgets what waits, and every key that is down. */
  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting = [];
    this.down.clear();
  }

  private flush(): void {
    if (this.waiting.length === 0 || this.timer !== undefined) return;
    const taken = this.wire(Uint8Array.from(this.waiting));
    this.waiting = this.waiting.slice(taken);
    if (this.waiting.length === 0) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, RETRY_MS);
    // Waiting keys must not keep a program alive that is done with its machine.
    (this.timer as { unref?(): void }).unref?.();
  }
}
