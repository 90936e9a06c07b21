import { expect, it } from 'vitest';
import { decideIsolation, type IsolationHost } from './isolation.ts';
import { NO_SERVICE_WORKER, NOT_SECURE, STILL_NOT_ISOLATED } from './messages.ts';

const host = (changes: Partial<IsolationHost>): IsolationHost => ({
  isolated: false, secure: true, serviceWorkers: true, reloadedBefore: () => false, remember: () => true,
    ...changes,
});

it('is content with isolation from any source', () => {
  expect(decideIsolation(host({ isolated: true, secure: false }))).toEqual({ kind: 'ready' });
});

it('installs the service worker and reloads, once', () => {
  expect(decideIsolation(host({}))).toEqual({ kind: 'install' });
  expect(decideIsolation(host({ reloadedBefore: () => true }))).toEqual({ kind: 'refused',
    message: STILL_NOT_ISOLATED });
});

it('says why it cannot', () => {
  expect(decideIsolation(host({ secure: false }))).toEqual({ kind: 'refused', message: NOT_SECURE });
  expect(decideIsolation(host({ serviceWorkers: false }))).toEqual({ kind: 'refused',
    message: NO_SERVICE_WORKER });
});
