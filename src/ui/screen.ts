// The screen view: a canvas drawn by the display's worker, the user's keyboard and mouse on it, and a line
// that tells mode, pictures a second and the guest's keyboard lights. Keys go by their place into a hidden
// text field, which also brings touch keyboards and the browser's paste. Shift+Escape leaves, as in the
// console.

import type { CanvasLink, KeyboardLeds, MouseButton, ScreenInfo, Skep } from '../api/index.ts';
import { byId, el } from './dom.ts';
import { plural } from './format.ts';
import { ScreenKeys } from './screen-keys.ts';
import { scaled, type ScaleMode } from './screen-scale.ts';
import { TouchKeys, TouchPad } from './screen-touch.ts';

export interface ScreenActions {
  onLeave(): void;
  onError(error: unknown): void;
}

/** Not in TypeScript's library: Keyboard Lock, Chromium only. */
interface KeyboardLock { lock(): Promise<void>; unlock(): void }

const BUTTONS: readonly (MouseButton | undefined)[] = ['left', 'middle', 'right', 'back', 'forward'];
const consoles = (first: number, last: number): Record<string, readonly string[]> =>
  Object.fromEntries(Array.from({ length: last - first + 1 }, (_, n) =>
    [`Ctrl+Alt+F${first + n}`, ['ControlLeft', 'AltLeft', `F${first + n}`]]));
/** What a browser keeps for itself, or a user cannot press: sent from the menu. */
const COMBINATIONS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'Often used': { 'Ctrl+Alt+Del': ['ControlLeft', 'AltLeft', 'Delete'], Escape: ['Escape'], Tab: ['Tab'],
    'Alt+Tab': ['AltLeft', 'Tab'], 'Alt+F4': ['AltLeft', 'F4'], 'Ctrl+W': ['ControlLeft', 'KeyW'],
    'Ctrl+Alt+Backspace': ['ControlLeft', 'AltLeft', 'Backspace'] },
  Consoles: { ...consoles(1, 7), 'Alt+F1': ['AltLeft', 'F1'], 'Alt+F2': ['AltLeft', 'F2'],
    'Alt+F3': ['AltLeft', 'F3'] },
  Keys: { Windows: ['MetaLeft'], Menu: ['ContextMenu'], F1: ['F1'], F5: ['F5'], F11: ['F11'], F12: ['F12'],
    'Print Screen': ['PrintScreen'], 'SysRq (Alt+Print)': ['AltLeft', 'PrintScreen'], Pause: ['Pause'],
    'Break (Ctrl+Pause)': ['ControlLeft', 'Pause'], 'Caps Lock': ['CapsLock'], 'Num Lock': ['NumLock'],
    'Scroll Lock': ['ScrollLock'] },
};
const PICTURE_TYPE = 'image/png';
const SHAPE_KEY = 'skep-screen-shape';
const HINT_MS = 4000;
const TYPING_MS = 250;
/** How often the text for screen readers is brought up to date while the screen has the focus. */
const READING_MS = 1000;
/** Shorter texts are typed before anybody could stop them. */
const LONG_TEXT = 200;
/** Of a wheel event: pixels, lines or pages for one click. */
const WHEEL_CLICK = [100, 3, 1];
const IS_MAC = /mac|iphone|ipad/i.test(navigator.platform);

export class ScreenView {
  readonly #parent = byId('screen');
  readonly #surface = byId('screen-surface');
  readonly #keys: HTMLTextAreaElement;
  readonly #mode = byId('screen-mode');
  readonly #touch: TouchKeys;
  #vm: Skep | undefined;
  #events: ScreenKeys | undefined;
  #link: CanvasLink | undefined;
  #canvas: HTMLCanvasElement | undefined;
  #info: ScreenInfo | undefined;
  #visible = false;
  #shape: ScaleMode = localStorage.getItem(SHAPE_KEY) === 'monitor' ? 'monitor' : 'sharp';
  #hintTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly actions: ScreenActions) {
    this.#keys = el('textarea', { className: 'screen-keys', autocapitalize: 'off', autocomplete: 'off',
      spellcheck: false, autocorrect: 'off', 'aria-label': 'Screen of the guest. Shift+Escape leaves it.' });
    this.#surface.append(this.#keys);
    this.#touch = new TouchKeys(() => this.#vm?.keyboard, this.#keys);
    new TouchPad(this.#surface, () => this.#vm?.mouse);
    this.#bindKeys();
    this.#bindMouse();
    this.#bindMenu();
    this.#bindBar();
    new ResizeObserver(() => this.#scale()).observe(this.#surface);
    document.addEventListener('visibilitychange', () => this.#pace());
    document.addEventListener('fullscreenchange', () => this.#onFullScreen());
    setInterval(() => { if (document.activeElement === this.#keys) this.#showText(); }, READING_MS);
  }

  /** Shows the machine's screen from now on; the same machine again is no change. */
  attach(vm: Skep): void {
    if (this.#vm === vm) return;
    this.detach();
    this.#vm = vm;
    this.#events = new ScreenKeys(vm.keyboard, IS_MAC);
    vm.on('leds', (leds) => { if (this.#vm === vm) this.#showLeds(leds); });
    // A canvas can be given away once: every machine gets a new one.
    const canvas = el('canvas', { width: 720, height: 400, role: 'img',
      'aria-label': 'Picture of the guest\'s screen' });
    this.#canvas = canvas;
    this.#surface.prepend(canvas);
    this.#scale();
    try {
      this.#link = vm.screen.attach(canvas.transferControlToOffscreen(), {
        onMode: (info) => this.#onMode(vm, info),
        onRate: (rate) => { if (this.#vm === vm) byId('screen-rate').textContent = rate === 0 ? ''
          : `${rate} fps`; },
        onError: (error) => this.actions.onError(error),
      });
      this.#pace();
    } catch (error) {
      this.actions.onError(error);
    }
  }

  /** The machine is gone. */
  detach(): void {
    this.#link?.close();
    this.#canvas?.remove();
    this.#link = this.#canvas = this.#vm = this.#info = this.#events = undefined;
    for (const id of ['mode', 'size', 'rate', 'leds', 'text']) byId(`screen-${id}`).textContent = '';
    if (document.pointerLockElement === this.#surface) document.exitPointerLock();
  }

  /** Nothing is drawn for a view that nobody sees. */
  show(visible: boolean): void {
    this.#visible = visible;
    this.#pace();
    this.#scale();
  }

  focus(): void {
    this.#keys.focus({ preventScroll: true });
  }

  /**
   * The picture alone on the whole display; keys that the browser would take go to the guest where it can.
   */
  async fullScreen(): Promise<void> {
    await this.#parent.requestFullscreen();
    this.focus();
  }

  #onFullScreen(): void {
    const { keyboard } = navigator as unknown as { keyboard?: KeyboardLock };
    if (document.fullscreenElement !== this.#parent) {
      keyboard?.unlock();
      return;
    }
    void keyboard?.lock().catch(() => {});
    this.#hint(keyboard === undefined ? 'Escape leaves the full screen' : 'Hold Escape, or press Shift+Escape, to leave the full screen');
  }

  #hint(text: string, ms = HINT_MS): void {
    const hint = byId('screen-hint');
    clearTimeout(this.#hintTimer);
    hint.textContent = text;
    hint.hidden = text === '';
    if (ms > 0) this.#hintTimer = setTimeout(() => { hint.hidden = true; }, ms);
  }

  /** The text of a text mode; empty otherwise. */
  #text(): string {
    return this.#vm?.screen.text().join('\n').trimEnd() ?? '';
  }

  /** For screen readers, which see nothing of a canvas. */
  #showText(): void {
    const text = this.#text();
    const element = byId('screen-text');
    if (element.textContent !== text) element.textContent = text;
  }

  #showLeds({ numLock, capsLock, scrollLock }: KeyboardLeds): void {
    byId('screen-leds').textContent =
      [numLock ? 'Num' : '', capsLock ? 'Caps' : '', scrollLock ? 'Scroll' : '']
      .filter((name) => name !== '').join(' · ');
  }

  #pace(): void {
    this.#link?.pause(!this.#visible || document.visibilityState === 'hidden');
  }

  #onMode(vm: Skep, info: ScreenInfo): void {
    if (this.#vm !== vm) return;
    this.#info = info;
    const size = `${info.width}×${info.height}`;
    this.#mode.textContent = info.kind === 'text' ? `${info.columns}×${info.rows}` : size;
    byId('screen-size').textContent = info.kind === 'blank' ? 'blank'
      : info.kind === 'text' ? `text ${info.columns}×${info.rows}, ${size}` : `${size}, ${info.bpp} bits`;
    byId<HTMLButtonElement>('screen-copy').disabled = info.kind !== 'text';
    this.#scale();
  }

  #scale(): void {
    const canvas = this.#canvas;
    const { clientWidth: width, clientHeight: height } = this.#surface;
    if (canvas === undefined || width === 0 || height === 0) return;
    const shape = this.#info ?? { width: 720, height: 400, kind: 'text' };
    const size = scaled(shape, { width, height }, devicePixelRatio || 1, this.#shape);
    canvas.style.width = `${size.width}px`;
    canvas.style.height = `${size.height}px`;
    // Larger dots of uneven size are still sharper than blurred ones.
    canvas.classList.toggle('smooth', !size.even && size.width * (devicePixelRatio || 1) < shape.width * 1.5);
  }

  #bindKeys(): void {
    const keys = this.#keys;
    keys.addEventListener('keydown', (event) => this.#onKeyDown(event));
    keys.addEventListener('keyup', (event) => {
      if (this.#events?.up(event) === true) event.preventDefault();
    });
    keys.addEventListener('blur', () => {
      this.#vm?.keyboard.releaseAll();
      this.#vm?.mouse.releaseAll();
    });
    keys.addEventListener('paste', (event) => {
      event.preventDefault();
      this.#type(event.clipboardData?.getData('text/plain') ?? '');
    });
  }

  #onKeyDown(event: KeyboardEvent): void {
    if (event.code === 'Escape' && event.shiftKey) {
      event.preventDefault();
      this.#vm?.keyboard.releaseAll();
      if (document.fullscreenElement === this.#parent) void document.exitFullscreen();
      else this.actions.onLeave();
      return;
    }
    if (this.#events?.down(event) === true) event.preventDefault();
  }

  /** Types a text at the guest's pace, and tells what it could not. */
  #type(text: string): void {
    const keyboard = this.#vm?.keyboard;
    if (keyboard === undefined || text === '') return;
    const timer = text.length < LONG_TEXT ? undefined : setInterval(() =>
      this.#hint(`Typing, ${plural(keyboard.typing, 'character')} to go. Escape stops.`, 0), TYPING_MS);
    void keyboard.type(text).then((left) => {
      clearInterval(timer);
      this.#hint(left === 0 ? '' : `${plural(left, 'character')} could not be typed on a US keyboard.`);
    });
  }

  #bindMouse(): void {
    const surface = this.#surface;
    const locked = (): boolean => document.pointerLockElement === surface;
    let finger = false;
    surface.addEventListener('pointerdown', (event) => { finger = event.pointerType === 'touch'; });
    surface.addEventListener('mousedown', (event) => {
      // The field must keep the focus when the picture is clicked; a tap brings the device's keyboard with
      // it.
      event.preventDefault();
      if (!finger || this.#touch.visible) this.focus();
      if (locked()) this.#button(event.button, true);
    });
    surface.addEventListener('mouseup', (event) => { if (locked()) this.#button(event.button, false); });
    surface.addEventListener('contextmenu', (event) => event.preventDefault());
    surface.addEventListener('mousemove', (event) => { if (locked()) this.#moveMouse(event); });
    surface.addEventListener('wheel', (event) => {
      if (!locked()) return;
      event.preventDefault();
      this.#vm?.mouse.wheel(event.deltaY / (WHEEL_CLICK[event.deltaMode] ?? 1));
    }, { passive: false });
    document.addEventListener('pointerlockchange', () => {
      byId('screen-mouse').setAttribute('aria-pressed', String(locked()));
      this.#hint(locked() ? 'The mouse is the guest\'s. Escape gives it back.' : '');
      if (!locked()) this.#vm?.mouse.releaseAll();
    });
  }

  /** A dot of the guest's for a dot of the picture, however large that is shown. */
  #moveMouse(event: MouseEvent): void {
    const canvas = this.#canvas;
    if (canvas === undefined || this.#info === undefined || canvas.clientWidth === 0) return;
    const { width, height } = this.#info;
    this.#vm?.mouse.move(event.movementX * width / canvas.clientWidth,
      event.movementY * height / canvas.clientHeight);
  }

  #button(number: number, down: boolean): void {
    const button = BUTTONS[number];
    if (button !== undefined) this.#vm?.mouse.button(button, down);
  }

  #bindMenu(): void {
    const menu = byId<HTMLSelectElement>('screen-send');
    const all = new Map<string, readonly string[]>();
    for (const [label, entries] of Object.entries(COMBINATIONS)) {
      const group = el('optgroup', { label });
      for (const [name, codes] of Object.entries(entries)) {
        all.set(name, codes);
        group.append(el('option', { value: name }, name));
      }
      menu.append(group);
    }
    menu.addEventListener('change', () => {
      this.#vm?.keyboard.combination(...(all.get(menu.value) ?? []));
      menu.selectedIndex = 0;
      this.focus();
    });
  }

  #bindBar(): void {
    const on = (id: string, action: () => Promise<void> | void): void =>
      byId(id).addEventListener('click', () =>
      void Promise.resolve().then(action).catch((error: unknown) => this.actions.onError(error)));
    on('screen-mouse', () => {
      this.focus();
      if ('requestPointerLock' in this.#surface) void this.#surface.requestPointerLock();
      else this.#hint('Drag on the picture to move the guest\'s mouse; tap to click.');
    });
    on('screen-picture', () => this.#savePicture());
    on('screen-keyboard', () => {
      this.#touch.show(!this.#touch.visible);
      this.focus();
    });
    on('screen-paste', () => this.#paste());
    on('screen-copy', async () => {
      await navigator.clipboard.writeText(this.#text());
      this.#hint('The screen\'s text is copied.');
    });
    const shape = byId('screen-shape');
    shape.setAttribute('aria-pressed', String(this.#shape === 'monitor'));
    on('screen-shape', () => {
      this.#shape = this.#shape === 'sharp' ? 'monitor' : 'sharp';
      localStorage.setItem(SHAPE_KEY, this.#shape);
      shape.setAttribute('aria-pressed', String(this.#shape === 'monitor'));
      this.#scale();
    });
  }

  async #paste(): Promise<void> {
    this.focus();
    try {
      this.#type(await navigator.clipboard.readText());
    } catch {
      const keys = IS_MAC ? 'Command+V' : 'Ctrl+Shift+V';
      this.#hint(`This browser does not give the clipboard to a button: press ${keys} here.`);
    }
  }

  async #savePicture(): Promise<void> {
    if (this.#vm === undefined) return;
    const png = await this.#vm.screen.screenshot();
    const url = URL.createObjectURL(new Blob([png as Uint8Array<ArrayBuffer>], { type: PICTURE_TYPE }));
    el('a', { href: url, download: 'skep-screen.png' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}
