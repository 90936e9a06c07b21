// Key events of a page to the guest's keyboard, by the key's place (KeyboardEvent.code). What pages see
// differs from what a keyboard sends: Windows adds a Ctrl to AltGr, macOS swallows keys that come up while
// Command is held and tells only every other Caps Lock, touch keyboards name no keys at all
// (screen-touch.ts).

import type { Keyboard } from '../api/index.ts';

/** What is used of a KeyboardEvent. */
export interface KeyLike {
  code: string;
  key: string;
  ctrlKey: boolean;
  shiftKey: boolean;
  metaKey: boolean;
  isComposing: boolean;
  timeStamp: number;
}

/** The guest's side. */
export type KeySink = Pick<Keyboard,
  'press' | 'release' | 'releaseAll' | 'combination' | 'isDown' | 'typing' | 'stopTyping'>;

/** Between the Ctrl that Windows makes up and its AltGr. */
const ALTGR_MS = 20;
/** Keys that touch keyboards name by what they do, not by where they are. */
const NAMED = new Set(['Enter', 'Backspace', 'Tab', 'Escape', 'Delete', 'ArrowLeft', 'ArrowRight', 'ArrowUp',
  'ArrowDown',
  'Home', 'End', 'PageUp', 'PageDown']);

export class ScreenKeys {
  #controlAt = -Infinity;

  constructor(private readonly keyboard: KeySink, private readonly isMac: boolean) {}

  /** True when the key is the guest's: the browser must not act on it. */
  down(event: KeyLike): boolean {
    const { keyboard } = this;
    if (event.isComposing) return false;
    if (event.code === '') {
      if (!NAMED.has(event.key)) return false;
      keyboard.combination(event.key);
      return true;
    }
    // The browser's paste event follows.
    if (event.code === 'KeyV' && (this.isMac ? event.metaKey : event.ctrlKey && event.shiftKey)) {
      keyboard.releaseAll();
      return false;
    }
    if (event.code === 'Escape' && keyboard.typing > 0) {
      keyboard.stopTyping();
      return true;
    }
    if (this.isMac && event.code === 'CapsLock') {
      keyboard.combination('CapsLock');
      return true;
    }
    if (event.code === 'ControlLeft' && !keyboard.isDown('ControlLeft')) this.#controlAt = event.timeStamp;
    if (event.code === 'AltRight' && event.key === 'AltGraph' && event.timeStamp - this.#controlAt < ALTGR_MS) {
      keyboard.release('ControlLeft');
    }
    return keyboard.press(event.code);
  }

  up(event: KeyLike): boolean {
    if (this.isMac && event.code === 'CapsLock') {
      this.keyboard.combination('CapsLock');
      return true;
    }
    // The keys that were held with Command will not be seen coming up.
    if (this.isMac && event.code.startsWith('Meta')) {
      this.keyboard.releaseAll();
      return true;
    }
    return this.keyboard.release(event.code);
  }
}
