// Key events as browsers send them on Windows, macOS and touch keyboards.

import { expect, test } from 'vitest';
import { ScreenKeys, type KeyLike, type KeySink } from './screen-keys.ts';
import { changedText } from './screen-touch.ts';

/** Writes down what the guest's keyboard is told: +A pressed, -A released, =A both. */
function bench(isMac = false, typing = 0): { keys: ScreenKeys; told: string[] } {
  const told: string[] = [];
  const down = new Set<string>();
  const sink: KeySink = {
    press: (code) => { told.push(`+${code}`); down.add(code); return code !== 'Fn'; },
    release: (code) => {
      if (!down.delete(code)) return false;
      told.push(`-${code}`);
      return true;
    },
    releaseAll: () => [...down].reverse().forEach((code) => sink.release(code)),
    combination: (...codes) => { told.push(`=${codes.join('+')}`); },
    isDown: (code) => down.has(code),
    stopTyping: () => { told.push('stop'); },
    typing,
  };
  return { keys: new ScreenKeys(sink, isMac), told };
}
const key = (code: string, more: Partial<KeyLike> = {}): KeyLike =>
  ({ code, key: '', ctrlKey: false, shiftKey: false, metaKey: false, isComposing: false, timeStamp: 0, ...more });

test('AltGr of Windows is not Ctrl and AltGr', () => {
  const { keys, told } = bench();
  keys.down(key('ControlLeft', { timeStamp: 100 }));
  keys.down(key('AltRight', { key: 'AltGraph', timeStamp: 101 }));
  expect(told.splice(0)).toEqual(['+ControlLeft', '-ControlLeft', '+AltRight']);
  expect([keys.up(key('ControlLeft')), keys.up(key('AltRight'))]).toEqual([false, true]);
  expect(told).toEqual(['-AltRight']);
});

test('Ctrl and AltGr pressed by a hand are both', () => {
  const { keys, told } = bench();
  keys.down(key('ControlLeft', { timeStamp: 100 }));
  keys.down(key('ControlLeft', { timeStamp: 290 }));
  keys.down(key('AltRight', { key: 'AltGraph', timeStamp: 300 }));
  expect(told).toEqual(['+ControlLeft', '+ControlLeft', '+AltRight']);
});

test('macOS: nothing stays down after Command; Caps Lock switches', () => {
  const { keys, told } = bench(true);
  keys.down(key('MetaLeft'));
  keys.down(key('KeyA'));
  keys.up(key('MetaLeft'));
  expect(told.splice(0)).toEqual(['+MetaLeft', '+KeyA', '-KeyA', '-MetaLeft']);
  keys.down(key('CapsLock'));
  keys.up(key('CapsLock'));
  expect(told).toEqual(['=CapsLock', '=CapsLock']);
});

test('paste is left to the browser, with no key down in the guest', () => {
  const { keys, told } = bench();
  keys.down(key('ControlLeft'));
  keys.down(key('ShiftLeft'));
  expect(keys.down(key('KeyV', { ctrlKey: true, shiftKey: true }))).toBe(false);
  expect(told).toEqual(['+ControlLeft', '+ShiftLeft', '-ShiftLeft', '-ControlLeft']);
  expect(bench(true).keys.down(key('KeyV', { metaKey: true }))).toBe(false);
  expect(keys.down(key('KeyV', { ctrlKey: true }))).toBe(true);
});

test('Escape ends a long paste, and is Escape otherwise', () => {
  const busy = bench(false, 5);
  expect([busy.keys.down(key('Escape')), busy.told]).toEqual([true, ['stop']]);
  const idle = bench();
  expect([idle.keys.down(key('Escape')), idle.told]).toEqual([true, ['+Escape']]);
});

test('touch keyboards: named keys, everything else by its text; keys that a PC has not', () => {
  const { keys, told } = bench();
  expect(keys.down(key('', { key: 'Unidentified' }))).toBe(false);
  expect(keys.down(key('', { key: 'Backspace' }))).toBe(true);
  expect(keys.down(key('KeyA', { isComposing: true }))).toBe(false);
  expect(told).toEqual(['=Backspace']);
  expect(keys.down(key('Fn'))).toBe(false);
});

test.each([
  ['', 'a', 0, 'a'], ['ab', 'a', 1, ''], ['hel', 'hello', 0, 'lo'], ['teh', 'the', 2, 'he'], ['abc', 'abc', 0, ''],
  ['xy', '', 2, ''], ['a😀', 'a', 1, ''],
])('the change from "%s" to "%s"', (before, after, removed, added) => {
  expect(changedText(before, after)).toEqual({ removed, added });
});
