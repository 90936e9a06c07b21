// The user's hands on the machine's keyboard: physical keys, typed text, key combinations. Keys wait here
// while the keyboard's ring is full. Typed text also waits for the guest: the next character goes when the
// last one was read, when the BIOS's buffer of 15 keys (BIOS Data Area, 40:1A head, 40:1C tail, 40:80 start,
// 40:82 end) is less than half full, and not faster than a fast terminal, so that boot loaders and small
// systems lose none.

import { PRINT_SCREEN, PAUSE, scancodesOf, scancodesOfCharacter, type KeyCode } from './scancodes.ts';

/** The machine's side of the keyboard. */
export interface KeyboardWire {
  /** Puts as many bytes as fit into the keyboard's ring; returns how many. */
  write(bytes: Uint8Array): number;
  /** Bytes that the guest has not read. */
  unread(): number;
  /** Keys in the BIOS's buffer and how many it holds; undefined where there is no such buffer. */
  biosBuffer?(): { keys: number; capacity: number } | undefined;
}

/** The lights as the guest sets them. */
export interface KeyboardLeds { scrollLock: boolean; numLock: boolean; capsLock: boolean }

interface Waiting {
  bytes: readonly number[];
  /** Of typed text: waits for the guest. */
  typed: boolean;
  /** Called when the bytes have gone, or never will (false). */
  settled?: (sent: boolean) => void;
}

/** Waiting keys beyond which nothing more is taken. */
const MAX_WAITING = 1 << 20;
const RETRY_MS = 4;
/** A BIOS buffer that does not empty for so long belongs to nobody. */
const BIOS_PATIENCE_MS = 5000;
const SHIFTS = ['ShiftLeft', 'ShiftRight', 'ControlLeft', 'ControlRight'];
const ALTS = ['AltLeft', 'AltRight'];
const CONTROLS = ['ControlLeft', 'ControlRight'];

export class Keyboard {
  /** Keys that are down, with the bytes that let them go. */
  private readonly down = new Map<KeyCode, readonly number[]>();
  private waiting: Waiting[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private biosSince: number | undefined;
  private lights = 0;

  constructor(private readonly wire: KeyboardWire) {}

  /** A key goes down; again while it is held repeats it. False for a key that a PC does not have. */
  press(code: KeyCode): boolean {
    const bytes = this.bytesOf(code);
    if (bytes === undefined) return false;
    this.down.set(code, bytes.release);
    return this.send(bytes.make);
  }

  release(code: KeyCode): boolean {
    const bytes = this.down.get(code);
    if (bytes === undefined) return false;
    this.down.delete(code);
    return this.send(bytes);
  }

  /** Lets go of everything: the page lost the focus and will not see the keys come up. */
  releaseAll(): void {
    [...this.down.keys()].reverse().forEach((code) => this.release(code));
  }

  isDown(code: KeyCode): boolean {
    return this.down.has(code);
  }

  /** Keys down in this order and up in the reverse one, as in Ctrl-Alt-Del. */
  combination(...codes: readonly KeyCode[]): void {
    codes.forEach((code) => this.press(code));
    [...codes].reverse().forEach((code) => this.release(code));
  }

  /**
   * Types text on a US layout, as fast as the guest reads. Resolves when the guest has been given the last
   * key, with the number of characters that were left out: those that the layout does not have, and
   * everything after stopTyping() or the end of the machine.
   */
  async type(text: string): Promise<number> {
    const strokes = [...text.replaceAll('\r\n', '\n')].map((character) => scancodesOfCharacter(character));
    const sent = await Promise.all(strokes.map((bytes) => new Promise<boolean>((settled) => {
      if (bytes === undefined || this.waiting.length >= MAX_WAITING) settled(false);
      else this.waiting.push({ bytes, typed: true, settled });
      if (this.waiting.length === 1) this.flush();
    })));
    return sent.filter((each) => !each).length;
  }

  /** Forgets typed text that has not gone yet. */
  stopTyping(): void {
    const forgotten = this.waiting.filter((each) => each.typed);
    this.waiting = this.waiting.filter((each) => !each.typed);
    forgotten.forEach(({ settled }) => settled?.(false));
    clearTimeout(this.timer);
    this.timer = undefined;
    this.flush();
  }

  /** Characters of typed text that wait. */
  get typing(): number {
    return this.waiting.reduce((count, { typed }) => count + (typed ? 1 : 0), 0);
  }

  /** Bytes as the keyboard's wire carries them (set 2), behind those that wait; false when too many wait. */
  send(bytes: Iterable<number>): boolean {
    if (this.waiting.length >= MAX_WAITING) return false;
    this.waiting.push({ bytes: [...bytes], typed: false });
    this.flush();
    return true;
  }

  /** Keys that the machine has not taken yet. */
  get pending(): number {
    return this.waiting.length;
  }

  get leds(): KeyboardLeds {
    return { scrollLock: (this.lights & 1) !== 0, numLock: (this.lights & 2) !== 0,
      capsLock: (this.lights & 4) !== 0 };
  }

  /** What the guest's keyboard shows now; true when it is new. For the machine. */
  setLights(lights: number): boolean {
    const changed = lights !== this.lights;
    this.lights = lights;
    return changed;
  }

  /** Forgets what waits, and every key that is down. */
  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const forgotten = this.waiting;
    this.waiting = [];
    this.down.clear();
    forgotten.forEach(({ settled }) => settled?.(false));
  }

  /** Print Screen and Pause depend on the shift keys (IBM, "Keyboards", notes to the scancode tables). */
  private bytesOf(code: KeyCode): { make: readonly number[]; release: readonly number[] } | undefined {
    const held = (codes: readonly KeyCode[]): boolean => codes.some((each) => this.down.has(each));
    if (code === 'PrintScreen') {
      return held(ALTS) ? PRINT_SCREEN.withAlt : held(SHIFTS) ? PRINT_SCREEN.withShift : PRINT_SCREEN.plain;
    }
    if (code === 'Pause') return held(CONTROLS) ? PAUSE.withControl : PAUSE.plain;
    const [make, release] = [scancodesOf(code, true), scancodesOf(code, false)];
    return make === undefined || release === undefined ? undefined : { make, release };
  }

  private mayType(): boolean {
    if (this.wire.unread() > 0) return false;
    const bios = this.wire.biosBuffer?.();
    if (bios === undefined || bios.keys * 2 < bios.capacity) {
      this.biosSince = undefined;
      return true;
    }
    this.biosSince ??= performance.now();
    return performance.now() - this.biosSince > BIOS_PATIENCE_MS;
  }

  /** Sends what may go: one typed character, or all other keys up to the next one. */
  private flush(): void {
    if (this.timer !== undefined) return;
    let typed = false;
    for (let [next] = this.waiting; next !== undefined; [next] = this.waiting) {
      if (next.typed && !this.mayType()) break;
      const taken = this.wire.write(Uint8Array.from(next.bytes));
      if (taken < next.bytes.length) {
        this.waiting[0] = { ...next, bytes: next.bytes.slice(taken), typed: false };
        break;
      }
      this.waiting.shift();
      next.settled?.(true);
      typed = next.typed;
      if (typed) break;
    }
    if (this.waiting.length === 0 && !typed) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.flush();
    }, RETRY_MS);
    // Waiting keys must not keep a program alive that is done with its machine.
    (this.timer as { unref?(): void }).unref?.();
  }
}
