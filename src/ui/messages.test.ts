import { expect, it } from 'vitest';
import { guestCrashed, guestMissing, PageError, toMessage } from './messages.ts';

it('keeps the words of a page error', () => {
  expect(toMessage(new PageError('T', 'x', 'r'))).toEqual({ title: 'T', text: 'x', remedy: 'r' });
});

it('shows a library error with its own sentence and remedy', () => {
  const error = Object.assign(new Error('The vCPU worker 1 died. Start again.'),
    { code: 'worker-died', sentence: 'The vCPU worker 1 died.', remedy: 'Start again.' });
  expect(toMessage(error)).toEqual({ title: 'A worker of the machine died', text: 'The vCPU worker 1 died.',
    remedy: 'Start again.' });
});

it.each([new TypeError('boom'), 'boom', undefined, null, { code: 1 }])('has something to say about %s',
  (error) => {
  const message = toMessage(error);
  expect(message.text.length).toBeGreaterThan(0);
  expect(message.remedy).toContain('Reload');
});

it('says what to do about a missing guest and which CPU crashed', () => {
  expect(guestMissing('mini').message).toContain('guest/mini/manifest.json');
  expect(guestMissing('mini').remedy).toContain('npm run guest');
  expect(guestCrashed('triple-fault', 3).message).toContain('CPU 3');
  expect(guestCrashed('panic', 77).message).toContain('77');
});
