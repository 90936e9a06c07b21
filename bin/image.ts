// `skep image`: prepares guests. The work is tools/guest's, which needs the source checkout and Debian's
// package tools.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ConfigError, packageRoot } from '../src/api/node.ts';
import { checkGuestName, KNOWN_GUESTS } from '../src/api/guest.ts';

export function imageCommand(guests: readonly string[]): number {
  const wanted = guests.length === 0 || guests.includes('all') ? [...KNOWN_GUESTS] : [...guests];
  wanted.forEach(checkGuestName);
  const root = packageRoot();
  const maker = new URL('tools/guest/main.ts', root);
  const tsx = new URL('node_modules/tsx/dist/cli.mjs', root);
  if (!existsSync(maker) || !existsSync(tsx)) {
    throw new ConfigError('Guests can be prepared only in a source checkout with its packages installed.',
      'Clone the repository and run npm install there.');
  }
  const done = spawnSync(process.execPath, [fileURLToPath(tsx), fileURLToPath(maker), ...wanted],
    { cwd: fileURLToPath(root), stdio: 'inherit' });
  return done.status ?? 1;
}
