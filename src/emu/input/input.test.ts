// Keys to scancodes of set 2 (IBM PS/2 Technical Reference, "Keyboards"), typing, a full ring, mouse records.

import { afterEach, describe, expect, test, vi } from 'vitest';
import { Keyboard } from './keyboard.ts';
import { Mouse } from './mouse.ts';
import { scancodesOf, scancodesOfCharacter } from './scancodes.ts';

afterEach(() => { vi.useRealTimers(); });

interface Bench {
  keys: Keyboard;
  sent: number[];
  open(bytes: number): void;
  guest: { unread: number; bios: { keys: number; capacity: number } | undefined };
}
function keyboard(room = Infinity): Bench {
  const sent: number[] = [];
  let left = room;
  const guest: Bench['guest'] = { unread: 0, bios: undefined };
  const keys = new Keyboard({
    write: (bytes) => {
      const count = Math.min(left, bytes.length);
      sent.push(...bytes.subarray(0, count));
      left -= count;
      return count;
    },
    unread: () => guest.unread,
    biosBuffer: () => guest.bios,
  });
  return { keys, sent, open: (bytes) => { left = bytes; }, guest };
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
      'Insert', 'Delete', 'Home', 'End', 'PageUp', 'PageDown', 'ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight',
      'F13', 'F24', 'IntlRo', 'IntlYen', 'KanaMode', 'Convert', 'NonConvert', 'Lang1', 'Lang2', 'NumpadEnter', 'NumpadComma',
      'AudioVolumeMute', 'MediaPlayPause', 'BrowserBack', 'LaunchMail', 'Power', 'Sleep', 'WakeUp', 'PrintScreen', 'Pause'];
    const makes = codes.map((code) => scancodesOf(code, true)?.join());
    expect(makes).not.toContain(undefined);
    expect(new Set(makes).size).toBe(codes.length);
    expect(scancodesOf('Fn', true)).toBeUndefined();
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
    expect([keys.release('KeyB'), keys.press('Fn')]).toEqual([false, false]);
  });

  test('Print Screen and Pause with shift keys; the release fits what was pressed', () => {
    const { keys, sent } = keyboard();
    keys.combination('AltLeft', 'PrintScreen');
    expect(sent.splice(0)).toEqual([0x11, 0x84, 0xF0, 0x84, 0xF0, 0x11]);
    keys.combination('ControlLeft', 'PrintScreen');
    expect(sent.splice(0)).toEqual([0x14, 0xE0, 0x7C, 0xE0, 0xF0, 0x7C, 0xF0, 0x14]);
    keys.combination('ControlRight', 'Pause');
    expect(sent.splice(0)).toEqual([0xE0, 0x14, 0xE0, 0x7E, 0xE0, 0xF0, 0x7E, 0xE0, 0xF0, 0x14]);
    keys.press('AltLeft');
    keys.press('PrintScreen');
    keys.release('AltLeft');
    sent.length = 0;
    keys.release('PrintScreen');
    expect(sent).toEqual([0xF0, 0x84]);
  });

  test('typing counts what it cannot type', async () => {
    vi.useFakeTimers();
    const { keys, sent } = keyboard();
    const left = keys.type('hé\r\n');
    await vi.advanceTimersByTimeAsync(50);
    expect([await left, sent]).toEqual([1, [0x33, 0xF0, 0x33, 0x5A, 0xF0, 0x5A]]);
  });

  test('typing waits until the guest has read; keys pressed meanwhile follow in order', async () => {
    vi.useFakeTimers();
    const { keys, sent, guest } = keyboard();
    guest.unread = 1;
    void keys.type('ab');
    keys.press('KeyC');
    await vi.advanceTimersByTimeAsync(1000);
    expect([sent, keys.typing, keys.pending]).toEqual([[], 2, 3]);
    guest.unread = 0;
    await vi.advanceTimersByTimeAsync(4);
    expect(sent).toEqual([0x1C, 0xF0, 0x1C]);
    await vi.advanceTimersByTimeAsync(8);
    expect(sent.slice(3)).toEqual([0x32, 0xF0, 0x32, 0x21]);
  });

  test('typing leaves half of the BIOS buffer free, but not for ever', async () => {
    vi.useFakeTimers();
    const { keys, sent, guest } = keyboard();
    guest.bios = { keys: 8, capacity: 15 };
    void keys.type('a');
    await vi.advanceTimersByTimeAsync(4000);
    expect(sent).toEqual([]);
    guest.bios = { keys: 7, capacity: 15 };
    await vi.advanceTimersByTimeAsync(4);
    expect(sent.splice(0)).toEqual([0x1C, 0xF0, 0x1C]);
    guest.bios = { keys: 15, capacity: 15 };
    void keys.type('b');
    await vi.advanceTimersByTimeAsync(5100);
    expect(sent).toEqual([0x32, 0xF0, 0x32]);
  });

  test('typing stops when told so', async () => {
    vi.useFakeTimers();
    const { keys, sent, guest } = keyboard();
    guest.unread = 1;
    const left = keys.type('abc');
    keys.press('KeyX');
    keys.stopTyping();
    expect([await left, sent, keys.pending]).toEqual([3, [0x22], 0]);
  });

  test('a full ring: the rest follows in order', async () => {
    vi.useFakeTimers();
    const { keys, sent, open } = keyboard(4);
    const left = keys.type('ab');
    void keys.type('c');
    await vi.advanceTimersByTimeAsync(50);
    expect([sent, keys.pending]).toEqual([[0x1C, 0xF0, 0x1C, 0x32], 2]);
    open(100);
    await vi.advanceTimersByTimeAsync(50);
    expect([sent, keys.pending, await left]).toEqual([[0x1C, 0xF0, 0x1C, 0x32, 0xF0, 0x32, 0x21, 0xF0, 0x21], 0, 0]);
  });

  test('clear forgets, and says so to those who wait', async () => {
    const { keys, sent } = keyboard(0);
    const left = keys.type('abc');
    keys.clear();
    expect([await left, keys.pending, sent]).toEqual([3, 0, []]);
  });

  test('lights', () => {
    const { keys } = keyboard();
    expect([keys.setLights(6), keys.setLights(6), keys.leds]).toEqual([true, false,
      { scrollLock: false, numLock: true, capsLock: true }]);
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

  test('a full ring: movement and clicks follow when there is room, without another event', () => {
    vi.useFakeTimers();
    const records: number[][] = [];
    let room = 0;
    const mouse = new Mouse((...record) => room-- > 0 && records.push(record) > 0);
    mouse.move(10, 0);
    mouse.move(5, 0);
    mouse.button('left', true);
    mouse.button('left', false);
    expect(records).toEqual([]);
    room = 100;
    vi.advanceTimersByTime(20);
    expect(records).toEqual([[0, 15, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]);
  });

  test('a way longer than sixteen records goes on by itself; clear forgets', () => {
    vi.useFakeTimers();
    let way = 0;
    const mouse = new Mouse((_, dx) => { way += dx; return true; });
    mouse.move(10_000, 0);
    expect(way).toBeLessThan(10_000);
    vi.advanceTimersByTime(100);
    expect(way).toBe(10_000);
    mouse.move(10_000, 0);
    mouse.clear();
    vi.advanceTimersByTime(100);
    expect(way).toBeLessThan(20_000);
  });
});
