// Keys for hands without a keyboard: rows of the keys that touch keyboards lack, modifiers that stay down for
// the next key, and the text that the device's own keyboard writes into the screen's field, corrections
// included. On a touch screen the picture is a touch pad: a drag moves, a tap clicks, two fingers click
// right.

import type { Keyboard, Mouse } from '../api/index.ts';
import { byId, el } from './dom.ts';

/** Two rows, side by side; modifiers stay down for the next key. */
const ROWS: readonly Readonly<Record<string, string>>[] = [
  { Esc: 'Escape', Tab: 'Tab', '/': 'Slash', '-': 'Minus', Home: 'Home', '↑': 'ArrowUp', End: 'End', 'Pg↑': 'PageUp',
    Ins: 'Insert', F1: 'F1', F2: 'F2', F3: 'F3', F4: 'F4', F5: 'F5', F6: 'F6' },
  { Ctrl: 'ControlLeft', Alt: 'AltLeft', Shift: 'ShiftLeft', Win: 'MetaLeft', '←': 'ArrowLeft', '↓': 'ArrowDown',
    '→': 'ArrowRight', 'Pg↓': 'PageDown', Del: 'Delete', F7: 'F7', F8: 'F8', F9: 'F9', F10: 'F10', F11: 'F11',
    F12: 'F12' },
];
const MODIFIERS = new Set(['ControlLeft', 'AltLeft', 'ShiftLeft', 'MetaLeft']);
const SPOKEN: Readonly<Record<string,
  string>> = { '←': 'Left', '↑': 'Up', '↓': 'Down', '→': 'Right', 'Pg↑': 'Page Up',
  'Pg↓': 'Page Down', '/': 'Slash', '-': 'Minus' };
const REPEAT_AFTER_MS = 400;
const REPEAT_MS = 60;
/** The field is never empty, so that a touch keyboard's backspace has something to take away. */
const FILLING = '\u200B'.repeat(16);
const TAP_MS = 250;
const TAP_PIXELS = 10;

/** What turns one text into another: characters to take away at the end, then characters to add. */
export function changedText(before: string, after: string): { removed: number; added: string } {
  const [old, now] = [[...before], [...after]];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same++;
  return { removed: old.length - same, added: now.slice(same).join('') };
}

export class TouchKeys {
  readonly #row = byId('screen-touch');
  readonly #sticky = new Map<string, HTMLButtonElement>();
  #seen = FILLING;

  constructor(private readonly keyboard: () => Keyboard | undefined,
    private readonly field: HTMLTextAreaElement) {
    for (const keys of ROWS) {
      this.#row.append(el('div', {}, ...Object.entries(keys).map(([name, code]) =>
        (MODIFIERS.has(code) ? this.#modifier(name, code) : this.#key(name, code)))));
    }
    field.value = FILLING;
    field.addEventListener('input', (event) => this.#onInput((event as InputEvent).isComposing));
    field.addEventListener('compositionend', () => this.#onInput(false));
    this.show(matchMedia('(pointer: coarse)').matches);
  }

  show(visible: boolean): void {
    this.#row.hidden = !visible;
    byId('screen-keyboard').setAttribute('aria-pressed', String(visible));
  }

  get visible(): boolean {
    return !this.#row.hidden;
  }

  /** The modifiers were for one key. */
  release(): void {
    for (const [code, button] of this.#sticky) {
      button.setAttribute('aria-pressed', 'false');
      this.keyboard()?.release(code);
    }
    this.#sticky.clear();
  }

  #button(name: string): HTMLButtonElement {
    const button = el('button', { type: 'button', tabIndex: -1, 'aria-label': SPOKEN[name] ?? name }, name);
    // The field keeps the focus, and the device its keyboard.
    button.addEventListener('pointerdown', (event) => event.preventDefault());
    button.addEventListener('mousedown', (event) => event.preventDefault());
    return button;
  }

  #modifier(name: string, code: string): HTMLButtonElement {
    const button = this.#button(name);
    button.setAttribute('aria-pressed', 'false');
    button.addEventListener('click', () => {
      const down = !this.#sticky.has(code);
      if (down) this.#sticky.set(code, button);
      else this.#sticky.delete(code);
      button.setAttribute('aria-pressed', String(down));
      if (down) this.keyboard()?.press(code);
      else this.keyboard()?.release(code);
    });
    return button;
  }

  #key(name: string, code: string): HTMLButtonElement {
    const button = this.#button(name);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const repeat = (): void => {
      this.keyboard()?.press(code);
      timer = setTimeout(repeat, REPEAT_MS);
    };
    button.addEventListener('pointerdown', () => {
      this.keyboard()?.press(code);
      timer = setTimeout(repeat, REPEAT_AFTER_MS);
    });
    const up = (): void => {
      if (timer === undefined) return;
      clearTimeout(timer);
      timer = undefined;
      this.keyboard()?.release(code);
      this.release();
    };
    for (const name of ['pointerup', 'pointercancel', 'pointerleave']) button.addEventListener(name, up);
    return button;
  }

  #onInput(composing: boolean): void {
    const { value } = this.field;
    const { removed, added } = changedText(this.#seen, value);
    this.#seen = value;
    const keyboard = this.keyboard();
    const text = '\b'.repeat(removed) + added.replaceAll('\u200B', '');
    // The modifiers come up behind the text.
    if (text !== '') void keyboard?.type(text).then(() => this.release());
    if (composing) return;
    this.field.value = this.#seen = FILLING;
    this.field.setSelectionRange(FILLING.length, FILLING.length);
  }
}

/** A picture under fingers: drag to move, tap to click, tap with two fingers for the right button. */
export class TouchPad {
  readonly #fingers = new Map<number, { x: number; y: number }>();
  #since = 0;
  #moved = 0;
  #most = 0;

  constructor(surface: HTMLElement, private readonly mouse: () => Mouse | undefined) {
    surface.addEventListener('pointerdown', (event) => { if (event.pointerType === 'touch') this.#down(event); });
    surface.addEventListener('pointermove', (event) => { if (event.pointerType === 'touch') this.#move(event); });
    for (const name of ['pointerup', 'pointercancel'] as const) {
      surface.addEventListener(name, (event) => { if (event.pointerType === 'touch') this.#up(event); });
    }
  }

  #down(event: PointerEvent): void {
    if (this.#fingers.size === 0) {
      this.#since = event.timeStamp;
      this.#moved = 0;
      this.#most = 0;
    }
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#most = Math.max(this.#most, this.#fingers.size);
  }

  #move(event: PointerEvent): void {
    const last = this.#fingers.get(event.pointerId);
    if (last === undefined) return;
    const [dx, dy] = [event.clientX - last.x, event.clientY - last.y];
    this.#fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    this.#moved += Math.abs(dx) + Math.abs(dy);
    if (this.#fingers.size === 1 && this.#moved > TAP_PIXELS) this.mouse()?.move(dx, dy);
  }

  #up(event: PointerEvent): void {
    if (!this.#fingers.delete(event.pointerId) || this.#fingers.size > 0) return;
    if (event.type === 'pointercancel' || event.timeStamp - this.#since > TAP_MS || this.#moved > TAP_PIXELS) return;
    const button = this.#most > 1 ? 'right' : 'left';
    this.mouse()?.button(button, true);
    this.mouse()?.button(button, false);
  }
}
