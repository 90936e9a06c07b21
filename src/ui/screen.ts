// The screen view: a canvas drawn by the display's worker, scaled sharply, and the user's keyboard and mouse
// on it. Keys go by their place (KeyboardEvent.code) into a hidden text field, which also brings touch
// keyboards and the browser's paste. Shift+Escape leaves, as in the console.

import type { CanvasLink, MouseButton, ScreenInfo, Skep } from '../api/index.ts';
import { byId, el } from './dom.ts';

export interface ScreenActions {
  onLeave(): void;
  onError(error: unknown): void;
}

const BUTTONS: readonly (MouseButton | undefined)[] = ['left', 'middle', 'right', 'back', 'forward'];
/** What a browser keeps for itself, or a user cannot press: sent from the menu. */
const COMBINATIONS: Readonly<Record<string, readonly string[]>> = {
  'Ctrl+Alt+Del': ['ControlLeft', 'AltLeft', 'Delete'], 'Ctrl+Alt+Backspace': ['ControlLeft', 'AltLeft', 'Backspace'],
  'Alt+Tab': ['AltLeft', 'Tab'], 'Alt+F4': ['AltLeft', 'F4'], 'Ctrl+W': ['ControlLeft', 'KeyW'],
  'Alt+F1': ['AltLeft', 'F1'], 'Alt+F2': ['AltLeft', 'F2'], 'Alt+F3': ['AltLeft', 'F3'],
  'Ctrl+Alt+F1': ['ControlLeft', 'AltLeft', 'F1'], 'Ctrl+Alt+F2': ['ControlLeft', 'AltLeft', 'F2'],
  Escape: ['Escape'], Tab: ['Tab'], F11: ['F11'], F12: ['F12'], 'Print Screen': ['PrintScreen'],
    Pause: ['Pause'],
};
const PICTURE_TYPE = 'image/png';

export class ScreenView {
  readonly #parent = byId('screen');
  readonly #keys: HTMLTextAreaElement;
  readonly #mode = byId('screen-mode');
  #vm: Skep | undefined;
  #link: CanvasLink | undefined;
  #canvas: HTMLCanvasElement | undefined;
  #info: ScreenInfo | undefined;
  #visible = false;

  constructor(private readonly actions: ScreenActions) {
    this.#keys = el('textarea', { className: 'screen-keys', autocapitalize: 'off', spellcheck: false,
      'aria-label': 'Screen of the guest. Shift+Escape leaves it.' });
    this.#parent.append(this.#keys);
    this.#bindKeys();
    this.#bindMouse();
    this.#bindBar();
    new ResizeObserver(() => this.#scale()).observe(this.#parent);
    document.addEventListener('visibilitychange', () => this.#pace());
  }

  /** Shows the machine's screen from now on; the same machine again is no change. */
  attach(vm: Skep): void {
    if (this.#vm === vm) return;
    this.detach();
    this.#vm = vm;
    // A canvas can be given away once: every machine gets a new one.
    const canvas = el('canvas', { width: 720, height: 400 });
    this.#canvas = canvas;
    this.#parent.prepend(canvas);
    try {
      this.#link = vm.screen.attach(canvas.transferControlToOffscreen(), {
        onMode: (info) => this.#onMode(vm, info),
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
    this.#link = this.#canvas = this.#vm = this.#info = undefined;
    this.#mode.textContent = '';
    if (document.pointerLockElement === this.#parent) document.exitPointerLock();
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

  /** The text of a text mode; empty otherwise. */
  text(): string {
    return this.#vm?.screen.text().join('\n').trimEnd() ?? '';
  }

  #pace(): void {
    this.#link?.pause(!this.#visible || document.visibilityState === 'hidden');
  }

  #onMode(vm: Skep, info: ScreenInfo): void {
    if (this.#vm !== vm) return;
    this.#info = info;
    this.#mode.textContent = info.kind === 'text' ? `${info.columns}×${info.rows}` : `${info.width}×${info.height}`;
    this.#scale();
  }

  /** The largest whole multiple that fits, in device pixels; smaller than life when nothing else does. */
  #scale(): void {
    const { width, height } = this.#info ?? { width: 720, height: 400 };
    const canvas = this.#canvas;
    if (canvas === undefined || this.#parent.clientWidth === 0) return;
    const density = devicePixelRatio || 1;
    const room = Math.min(this.#parent.clientWidth / width, this.#parent.clientHeight / height) * density;
    const scale = (room >= 1 ? Math.floor(room) : room) / density;
    canvas.style.width = `${width * scale}px`;
    canvas.style.height = `${height * scale}px`;
    canvas.classList.toggle('smooth', room < 1);
  }

  #bindKeys(): void {
    const keys = this.#keys;
    keys.addEventListener('keydown', (event) => this.#onKeyDown(event));
    keys.addEventListener('keyup', (event) => {
      if (this.#vm?.keyboard.release(event.code) === true) event.preventDefault();
    });
    keys.addEventListener('blur', () => this.#vm?.keyboard.releaseAll());
    keys.addEventListener('paste', (event) => {
      event.preventDefault();
      void this.#vm?.keyboard.type(event.clipboardData?.getData('text/plain') ?? '');
    });
    // Touch keyboards give text, not keys.
    keys.addEventListener('input', () => {
      void this.#vm?.keyboard.type(keys.value);
      keys.value = '';
    });
  }

  #onKeyDown(event: KeyboardEvent): void {
    if (event.code === 'Escape' && event.shiftKey) {
      event.preventDefault();
      this.#vm?.keyboard.releaseAll();
      this.actions.onLeave();
      return;
    }
    // The browser's paste event follows.
    if (event.code === 'KeyV' && event.ctrlKey && event.shiftKey) {
      this.#vm?.keyboard.releaseAll();
      return;
    }
    if (this.#vm?.keyboard.press(event.code) === true) event.preventDefault();
  }

  #bindMouse(): void {
    const locked = (): boolean => document.pointerLockElement === this.#parent;
    this.#parent.addEventListener('pointerdown', (event) => {
      if (!locked()) return;
      event.preventDefault();
      this.#button(event.button, true);
    });
    // The field must keep the focus when the picture is clicked.
    this.#parent.addEventListener('mousedown', (event) => {
      event.preventDefault();
      this.focus();
    });
    this.#parent.addEventListener('mouseup', (event) => { if (locked()) this.#button(event.button, false); });
    this.#parent.addEventListener('mousemove', (event) => {
      if (locked()) this.#vm?.mouse.move(event.movementX, event.movementY);
    });
    this.#parent.addEventListener('wheel', (event) => {
      if (!locked()) return;
      event.preventDefault();
      this.#vm?.mouse.wheel(Math.sign(event.deltaY));
    }, { passive: false });
    document.addEventListener('pointerlockchange', () => {
      byId('screen-mouse').setAttribute('aria-pressed', String(locked()));
      if (!locked()) this.#vm?.mouse.releaseAll();
    });
  }

  #button(number: number, down: boolean): void {
    const button = BUTTONS[number];
    if (button !== undefined) this.#vm?.mouse.button(button, down);
  }

  #bindBar(): void {
    const menu = byId<HTMLSelectElement>('screen-send');
    for (const name of Object.keys(COMBINATIONS)) menu.append(el('option', { value: name }, name));
    menu.addEventListener('change', () => {
      this.#vm?.keyboard.combination(...(COMBINATIONS[menu.value] ?? []));
      menu.selectedIndex = 0;
      this.focus();
    });
    byId('screen-mouse').addEventListener('click', () => {
      this.focus();
      void this.#parent.requestPointerLock();
    });
    byId('screen-picture').addEventListener('click', () => {
      void this.#savePicture().catch((error: unknown) => this.actions.onError(error));
    });
  }

  async #savePicture(): Promise<void> {
    if (this.#vm === undefined) return;
    const png = await this.#vm.screen.screenshot();
    const url = URL.createObjectURL(new Blob([png as Uint8Array<ArrayBuffer>], { type: PICTURE_TYPE }));
    el('a', { href: url, download: 'skep-screen.png' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
}
