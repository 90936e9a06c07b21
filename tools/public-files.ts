// What of public/ goes into the built page: everything but the guests that are too large to be copied
// without being asked for.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Guests up to this size are part of every build. */
const SMALL_GUEST_BYTES = 64e6;

function guestBytes(folder: string): number {
  const manifest = join(folder, 'manifest.json');
  if (!existsSync(manifest)) return 0;
  const { bytes } = JSON.parse(readFileSync(manifest, 'utf8')) as { bytes?: number };
  return bytes ?? 0;
}

/** Copies public/ into the built page; large guests only with `all`. Returns the names that were left out. */
export function copyPublic(from: string, to: string, all: boolean): string[] {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== 'guest') cpSync(join(from, name), join(to, name), { recursive: true });
  }
  const guests = join(from, 'guest');
  const left: string[] = [];
  for (const name of existsSync(guests) ? readdirSync(guests) : []) {
    const folder = join(guests, name);
    if (!all && guestBytes(folder) > SMALL_GUEST_BYTES) left.push(name);
    else cpSync(folder, join(to, 'guest', name), { recursive: true });
  }
  return left;
}
