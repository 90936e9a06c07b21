// Keys to scancodes of set 2 (IBM PS/2 Technical Reference, "Keyboards"), typing, a full ring, mouse records.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { Keyboard } from './keyboard.ts';
import { Mouse } from './mouse.ts';
import { scancodesOf, scancodesOfCharacter } from './scancodes.ts';

afterEach(() => { vi.useRealTimers(); });

function keyboard(room = Infinity): { keys: Keyboard; sent: number[]; open(bytes: number): void } {
  const sent: number[] = [];
  let left = room;
  const keys = new Keyboard((bytes) => {
    const count = Math.min(left, bytes.length);
    sent.push(...bytes.subarray(0, count));
    left -= count;
    return count;
  });
  return { keys, sent, open: (bytes) => { left = bytes; } };
}

describe('scancodes', () => {
  test.each([
    ['KeyA', [0x1C], [0xF0, 0x1C]], ['F7', [0x83], [0xF0, 0x83]], ['ArrowRight', [0xE0, 0x74], [0xE0, 0xF0, 0x74]],
    ['ControlRight', [0xE0, 0x14], [0xE0, 0xF0, 0x14]], ['NumpadEnter', [0xE0, 0x5A], [0xE0, 0xF0, 0x5A]],
    ['PrintScreen', [0xE0, 0x12, 0xE0, 0x7C], [0xE0, 0xF0, 0x7C, 0xE0, 0xF0, 0x12]],
    ['Pause', [0xE1, 0x14, 0x77, 0xE1, 0xF0, 0x14, 0xF0, 0x77], []],
  ])('%s', (code, make, release) => {
    expect([scancodesOf(code, true), scancodesOf(code, false)]).toEqual([make, release]);
  });

  test('no two keys share a code', () => {
    const codes = ['Escape', 'Tab', 'Space', 'Enter', 'Backspace', 'CapsLock', 'NumLock', 'ScrollLock', 'ContextMenu', 'MetaLeft',
      'MetaRight', 'AltLeft', 'AltRight', 'ShiftLeft', 'ShiftRight', 'ControlLeft', 'ControlRight', 'IntlBackslash',
      ...Array.from({ length: 12 }, (_, n) => `F${n + 1}`), ...Array.from({ length: 10 }, (_, n) => `Digit${n}`),
      ...Array.from({ length: 10 }, (_, n) => `Numpad${n}`), ...[...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((c) => `Key${c}`),
      'Insert', 'Delete', 'Home', 'End', 'PageUp', 'PageDown', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight'];
    const makes = codes.map((code) => scancodesOf(code, true)?.join());
    expect(makes).not.toContain(undefined);
    expect(new Set(makes).size).toBe(codes.length);
    expect(scancodesOf('BrowserBack', true)).toBeUndefined();
  });

  test('characters of the US layout, all that ASCII prints', () => {
    expect(scancodesOfCharacter('a')).toEqual([0x1C, 0xF0, 0x1C]);
    expect(scancodesOfCharacter('A')).toEqual([0x12, 0x1C, 0xF0, 0x1C, 0xF0, 0x12]);
    expect(scancodesOfCharacter('|')).toEqual([0x12, 0x5D, 0xF0, 0x5D, 0xF0, 0x12]);
    expect(scancodesOfCharacter('\n')).toEqual([0x5A, 0xF0, 0x5A]);
    const known = Array.from({ length: 95 }, (_, n) => scancodesOfCharacter(String.fromCharCode(32 + n))?.join());
    expect(new Set(known).size).toBe(95);
    expect(scancodesOfCharacter('é')).toBeUndefined();
  });
});

describe('keyboard', () => {
  test('combination, and letting go of everything', () => {
    const { keys, sent } = keyboard();
    keys.combination('ControlLeft', 'AltLeft', 'Delete');
    expect(sent.splice(0)).toEqual([0x14, 0x11, 0xE0, 0x71, 0xE0, 0xF0, 0x71, 0xF0, 0x11, 0xF0, 0x14]);
    keys.press('ShiftLeft');
    keys.press('KeyB');
    keys.press('KeyB');
    sent.length = 0;
    keys.releaseAll();
    expect(sent).toEqual([0xF0, 0x32, 0xF0, 0x12]);
    expect([keys.release('KeyB'), keys.press('BrowserBack')]).toEqual([false, false]);
  });

  test('typing counts what it cannot type', () => {
    const { keys, sent } = keyboard();
    expect(keys.type('hé\r\n')).toBe(1);
    expect(sent).toEqual([0x33, 0xF0, 0x33, 0x5A, 0xF0, 0x5A]);
  });

  test('a full ring: the rest follows in order', () => {
    vi.useFakeTimers();
    const { keys, sent, open } = keyboard(4);
    keys.type('ab');
    keys.type('c');
    expect([sent, keys.pending]).toEqual([[0x1C, 0xF0, 0x1C, 0x32], 5]);
    open(100);
    vi.advanceTimersByTime(50);
    expect([sent, keys.pending]).toEqual([[0x1C, 0xF0, 0x1C, 0x32, 0xF0, 0x32, 0x21, 0xF0, 0x21], 0]);
  });

  test('clear forgets', () => {
    const { keys, sent } = keyboard(0);
    keys.type('abc');
    keys.clear();
    expect([keys.pending, sent]).toEqual([0, []]);
  });
});

describe('mouse', () => {
  test('directions, fractions, long ways', () => {
    const records: number[][] = [];
    const mouse = new Mouse((...record) => records.push(record) > 0);
    mouse.move(0.5, 0);
    mouse.move(0.5, -300);
    expect(records.splice(0)).toEqual([[0, 1, 127, 0], [0, 0, 127, 0], [0, 0, 46, 0]]);
    mouse.wheel(1);
    mouse.button('middle', true);
    mouse.button('middle', true);
    mouse.button('right', true);
    mouse.releaseAll();
    expect(records).toEqual([[0, 0, 0, 1], [4, 0, 0, 0], [6, 0, 0, 0], [0, 0, 0, 0]]);
  });

  test('a full ring keeps the movement for later', () => {
    const records: number[][] = [];
    let full = true;
    const mouse = new Mouse((...record) => !full && records.push(record) > 0);
    mouse.move(10, 0);
    full = false;
    mouse.move(5, 0);
    expect(records).toEqual([[0, 15, 0, 0]]);
  });
});
