import { expect, it } from 'vitest';
import { guestMissing, notFetched, notReached, PageError, toMessage } from './messages.ts';

it('keeps the words of a page error', () => {
  expect(toMessage(new PageError('T', 'x', 'r'))).toEqual({ title: 'T', text: 'x', remedy: 'r' });
});

it('shows a library error with its own sentence and remedy', () => {
  const error = Object.assign(new Error('The vCPU worker 1 died. Start again.'),
    { code: 'worker-died', sentence: 'The vCPU worker 1 died.', remedy: 'Start again.' });
  expect(toMessage(error)).toEqual({ title: 'A worker of the machine died', text: 'The vCPU worker 1 died.', remedy: 'Start again.' });
});

it.each([new TypeError('boom'), 'boom', undefined, null, { code: 1 }])('has something to say about %s', (error) => {
  const message = toMessage(error);
  expect(message.text.length).toBeGreaterThan(0);
  expect(message.remedy).toContain('Reload');
});

it('names the address and the reason of a failed download', () => {
  expect(notFetched('kernel', 'k/bzImage', 404).message).toBe('k/bzImage: there is nothing at this address (404).');
  expect(notFetched('kernel', 'k/bzImage', 503).message).toContain('status 503');
  expect(notReached('initial RAM disk', 'https://x.test/i').message).toContain('https://x.test/i');
  expect(guestMissing('mini').remedy).toContain('npm run guest');
});
