// Cross-origin isolation, without which there is no SharedArrayBuffer: by the server's headers, or else by
// the service worker public/isolation-worker.js and one reload. A second reload is never made: some browsers
// ignore the headers of a service worker (private windows, frames), and the page would reload for ever.

import { NO_SERVICE_WORKER, NOT_SECURE, STILL_NOT_ISOLATED, type Message } from './messages.ts';

const RELOADED_KEY = 'skep-isolation-reload';

/** What of the browser the decision needs; tests give their own. */
export interface IsolationHost {
  isolated: boolean;
  secure: boolean;
  serviceWorkers: boolean;
  /** Whether this tab has already reloaded for this; true also where that cannot be remembered. */
  reloadedBefore(): boolean;
  remember(reloaded: boolean): boolean;
}

export type IsolationStep = { kind: 'ready' } | { kind: 'install' } | { kind: 'refused'; message: Message };

export function decideIsolation(host: IsolationHost): IsolationStep {
  if (host.isolated) return { kind: 'ready' };
  if (!host.secure) return { kind: 'refused', message: NOT_SECURE };
  if (!host.serviceWorkers) return { kind: 'refused', message: NO_SERVICE_WORKER };
  if (host.reloadedBefore()) return { kind: 'refused', message: STILL_NOT_ISOLATED };
  return { kind: 'install' };
}

function browserHost(): IsolationHost {
  return {
    isolated: globalThis.crossOriginIsolated === true,
    secure: globalThis.isSecureContext,
    serviceWorkers: 'serviceWorker' in navigator && navigator.serviceWorker !== undefined,
    reloadedBefore() {
      try {
        return sessionStorage.getItem(RELOADED_KEY) !== null;
      } catch {
        return true;
      }
    },
    remember(reloaded) {
      try {
        if (reloaded) sessionStorage.setItem(RELOADED_KEY, '1');
        else sessionStorage.removeItem(RELOADED_KEY);
        return true;
      } catch {
        return false;
      }
    },
  };
}

/**
 * Resolves with undefined when isolated, with a message when that cannot be; never when the page is about to
 * reload.
 */
export async function ensureIsolation(): Promise<Message | undefined> {
  const host = browserHost();
  const step = decideIsolation(host);
  if (step.kind === 'refused') return step.message;
  if (step.kind === 'ready') {
    host.remember(false);
    return undefined;
  }
  try {
    const script = new URL('isolation-worker.js', document.baseURI);
    await navigator.serviceWorker.register(script, { updateViaCache: 'none' });
    await navigator.serviceWorker.ready;
  } catch {
    return NO_SERVICE_WORKER;
  }
  if (!host.remember(true)) return STILL_NOT_ISOLATED;
  location.reload();
  return new Promise(() => undefined);
}
