// KeyboardEvent.code (W3C UI Events code values: physical keys) to scancodes of set 2 as the keyboard's wire
// carries them (IBM PS/2 Technical Reference, "Keyboards"), and characters of the US layout to keys.

export type KeyCode = string;

const PLAIN: Record<KeyCode, number> = {
  KeyA: 0x1C, KeyB: 0x32, KeyC: 0x21, KeyD: 0x23, KeyE: 0x24, KeyF: 0x2B, KeyG: 0x34, KeyH: 0x33, KeyI: 0x43,
  KeyJ: 0x3B, KeyK: 0x42, KeyL: 0x4B, KeyM: 0x3A, KeyN: 0x31, KeyO: 0x44, KeyP: 0x4D, KeyQ: 0x15, KeyR: 0x2D,
  KeyS: 0x1B, KeyT: 0x2C, KeyU: 0x3C, KeyV: 0x2A, KeyW: 0x1D, KeyX: 0x22, KeyY: 0x35, KeyZ: 0x1A,
  Digit1: 0x16, Digit2: 0x1E, Digit3: 0x26, Digit4: 0x25, Digit5: 0x2E, Digit6: 0x36, Digit7: 0x3D,
  Digit8: 0x3E, Digit9: 0x46, Digit0: 0x45,
  Backquote: 0x0E, Minus: 0x4E, Equal: 0x55, Backslash: 0x5D, BracketLeft: 0x54, BracketRight: 0x5B,
  Semicolon: 0x4C, Quote: 0x52, Comma: 0x41, Period: 0x49, Slash: 0x4A, IntlBackslash: 0x61, IntlRo: 0x51,
  IntlYen: 0x6A, KanaMode: 0x13, Convert: 0x64, NonConvert: 0x67, Lang3: 0x63, Lang4: 0x62,
  Backspace: 0x66, Space: 0x29, Tab: 0x0D, Enter: 0x5A, Escape: 0x76, CapsLock: 0x58, NumLock: 0x77,
  ScrollLock: 0x7E, ShiftLeft: 0x12, ShiftRight: 0x59, ControlLeft: 0x14, AltLeft: 0x11,
  F1: 0x05, F2: 0x06, F3: 0x04, F4: 0x0C, F5: 0x03, F6: 0x0B, F7: 0x83, F8: 0x0A, F9: 0x01, F10: 0x09,
  F11: 0x78, F12: 0x07, F13: 0x08, F14: 0x10, F15: 0x18, F16: 0x20, F17: 0x28, F18: 0x30, F19: 0x38,
  F20: 0x40, F21: 0x48, F22: 0x50, F23: 0x57, F24: 0x5F,
  NumpadMultiply: 0x7C, NumpadSubtract: 0x7B, NumpadAdd: 0x79, NumpadDecimal: 0x71, NumpadComma: 0x6D,
  NumpadEqual: 0x0F, Numpad0: 0x70, Numpad1: 0x69, Numpad2: 0x72, Numpad3: 0x7A, Numpad4: 0x6B,
  Numpad5: 0x73, Numpad6: 0x74, Numpad7: 0x6C, Numpad8: 0x75, Numpad9: 0x7D,
};

/** Keys whose code follows E0. */
const EXTENDED: Record<KeyCode, number> = {
  ControlRight: 0x14, AltRight: 0x11, MetaLeft: 0x1F, MetaRight: 0x27, OSLeft: 0x1F, OSRight: 0x27,
  ContextMenu: 0x2F, Insert: 0x70, Home: 0x6C, PageUp: 0x7D, Delete: 0x71, End: 0x69, PageDown: 0x7A,
  ArrowUp: 0x75, ArrowLeft: 0x6B, ArrowDown: 0x72, ArrowRight: 0x74, NumpadDivide: 0x4A, NumpadEnter: 0x5A,
  AudioVolumeMute: 0x23, AudioVolumeDown: 0x21, AudioVolumeUp: 0x32, MediaPlayPause: 0x34, MediaStop: 0x3B,
  MediaTrackNext: 0x4D, MediaTrackPrevious: 0x15, MediaSelect: 0x50, BrowserSearch: 0x10, BrowserHome: 0x3A,
  BrowserBack: 0x38, BrowserForward: 0x30, BrowserRefresh: 0x20, BrowserStop: 0x28, BrowserFavorites: 0x18,
  LaunchMail: 0x48, LaunchApp1: 0x40, LaunchApp2: 0x2B, Power: 0x37, Sleep: 0x3F, WakeUp: 0x5E,
};
/** Korean keys: one byte when they go down, nothing when they come up. */
const MAKE_ONLY: Record<KeyCode, number> = { Lang1: 0xF2, Lang2: 0xF1 };
const PREFIX = 0xE0;
const BREAK = 0xF0;
export const PRINT_SCREEN = {
  plain: { make: [0xE0, 0x12, 0xE0, 0x7C], release: [0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12] },
  withShift: { make: [0xE0, 0x7C], release: [0xE0, 0xF0, 0x7C] },
  /** System Request. */
  withAlt: { make: [0x84], release: [0xF0, 0x84] },
} as const;
/** Sends make and break at once when it goes down, nothing when it goes up; with Ctrl it is Break. */
export const PAUSE = {
  plain: { make: [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77], release: [] },
  withControl: { make: [0xE0, 0x7E, 0xE0, 0xF0, 0x7E], release: [] },
} as const;

/**
 * The bytes of a key going down or up, without shift keys held; undefined for a key that a PC's keyboard does
 * not have.
 */
export function scancodesOf(code: KeyCode, down: boolean): readonly number[] | undefined {
  if (code === 'PrintScreen') return down ? PRINT_SCREEN.plain.make : PRINT_SCREEN.plain.release;
  if (code === 'Pause') return down ? PAUSE.plain.make : PAUSE.plain.release;
  const plain = PLAIN[code];
  if (plain !== undefined) return down ? [plain] : [BREAK, plain];
  const extended = EXTENDED[code];
  if (extended !== undefined) return down ? [PREFIX, extended] : [PREFIX, BREAK, extended];
  const single = MAKE_ONLY[code];
  if (single !== undefined) return down ? [single] : [];
  return undefined;
}

/** Keys of the US layout with their two characters. */
const CHARACTERS: Record<KeyCode, string> = {
  Backquote: '`~', Digit1: '1!', Digit2: '2@', Digit3: '3#', Digit4: '4$', Digit5: '5%', Digit6: '6^', Digit7: '7&',
  Digit8: '8*', Digit9: '9(', Digit0: '0)', Minus: '-_', Equal: '=+', BracketLeft: '[{', BracketRight: ']}',
  Backslash: '\\|', Semicolon: ';:', Quote: '\'"', Comma: ',<', Period: '.>', Slash: '/?', Space: '  ', Enter: '\n\n',
  Tab: '\t\t', Escape: '\x1B\x1B', Backspace: '\b\x7F',
};
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

const KEY_OF = new Map<string, { code: KeyCode; shift: boolean }>();
for (const [code, pair] of Object.entries(CHARACTERS)) {
  [...pair].forEach((character, n) => {
    if (!KEY_OF.has(character)) KEY_OF.set(character,
      { code, shift: n === 1 && character > ' ' && character !== '\x7F' });
  });
}
for (const letter of LETTERS) {
  const code = `Key${letter.toUpperCase()}`;
  KEY_OF.set(letter, { code, shift: false });
  KEY_OF.set(letter.toUpperCase(), { code, shift: true });
}
KEY_OF.set('\r', { code: 'Enter', shift: false });

/** The bytes that type one character on a US keyboard; undefined when it has no such key. */
export function scancodesOfCharacter(character: string): readonly number[] | undefined {
  const key = KEY_OF.get(character);
  if (key === undefined) return undefined;
  const press = [...(scancodesOf(key.code, true) ?? []), ...(scancodesOf(key.code, false) ?? [])];
  if (!key.shift) return press;
  return [...(scancodesOf('ShiftLeft', true) ?? []), ...press, ...(scancodesOf('ShiftLeft', false) ?? [])];
}
