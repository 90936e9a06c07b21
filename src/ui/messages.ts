// Every failure as the page shows it: what happened, and what to do about it. Errors of the library
// (src/api/errors.ts) carry both themselves; the rest is made here.

export interface Message {
  title: string;
  text: string;
  remedy: string;
}

/** A failure of the page itself. */
export class PageError extends Error {
  constructor(readonly title: string, text: string, readonly remedy: string) {
    super(text);
    this.name = 'PageError';
  }
}

/**
 * The library's errors, by shape: the page must be able to show an error even if the library could not be
 * loaded.
 */
interface LibraryError {
  code: string;
  sentence: string;
  remedy: string;
}

function isLibraryError(error: unknown): error is LibraryError {
  if (typeof error !== 'object' || error === null) return false;
  const { code, sentence, remedy } = error as Partial<LibraryError>;
  return typeof code === 'string' && typeof sentence === 'string' && typeof remedy === 'string';
}

const TITLES: Readonly<Record<string, string>> = {
  'bad-config': 'This machine is not possible',
  'unknown-guest': 'There is no such guest',
  'guest-missing': 'The guest is not on this server',
  'file-missing': 'A file is missing',
  unsupported: 'This browser cannot run Skep',
  'bad-kernel': 'This kernel cannot be booted',
  'kernel-too-big': 'The kernel does not fit into the RAM',
  'no-memory': 'The browser gives too little memory',
  'not-isolated': 'The browser does not isolate this page',
  'core-missing': 'The engine cannot be loaded',
  'worker-died': 'A worker of the machine died',
  'core-panic': 'Skep has found a mistake of its own',
  'guest-crashed': 'The guest crashed',
  'download-failed': 'A download failed',
  'disk-failed': 'A disk image cannot be used',
};

export function toMessage(error: unknown): Message {
  if (error instanceof PageError) return { title: error.title, text: error.message, remedy: error.remedy };
  if (isLibraryError(error)) {
    return { title: TITLES[error.code] ?? 'The machine failed', text: error.sentence, remedy: error.remedy };
  }
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return {
    title: 'Something went wrong in Skep itself',
    text,
    remedy: 'Reload the page and try again; if it comes back, report it with this message and the console text.',
  };
}

export const NOT_SECURE: Message = {
  title: 'This page needs HTTPS',
  text: 'Browsers give shared memory, which carries the guest\'s RAM, only to pages from HTTPS or from localhost.',
  remedy: 'Open the page by its https:// address, or serve it on this computer and open http://localhost.',
};

export const NO_SERVICE_WORKER: Message = {
  title: 'The browser does not isolate this page',
  text: 'The server sends no isolation headers, and this browser window has no service workers that could add them.',
  remedy: 'Leave private browsing or allow site data for this page, or have the server send '
    + 'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.',
};

export const STILL_NOT_ISOLATED: Message = {
  title: 'The browser does not isolate this page',
  text: 'The page has loaded its isolation worker and reloaded once, and still gets no shared memory.',
  remedy: 'Reload without Shift. If it stays so, the page may be framed by another site: open it in a tab of its own.',
};

export const OLD_BROWSER: Message = {
  title: 'This browser is too old for Skep',
  text: 'Skep needs WebAssembly with threads and SIMD.',
  remedy: 'Use a current Chromium, Chrome, Edge or Firefox (or Safari from 16.4 on).',
};

export function guestMissing(name: string): PageError {
  return new PageError(`The guest "${name}" is not on this server`, `There is no guest/${name}/manifest.json.`,
    'Whoever runs this site prepares it with "npm run guest". Or bring a kernel of your own: choose "Your own kernel".');
}

/** The guest ended in a way that is not its wish. */
export function guestCrashed(reason: 'triple-fault' | 'panic', value: number): PageError {
  const text = reason === 'triple-fault' ? `CPU ${value} met a fault while it handled a double fault (triple fault).`
    : `The machine stopped with code ${value}.`;
  return new PageError('The guest crashed', text,
    'The console above shows its last words. Start again, or try another kernel or command line.');
}
