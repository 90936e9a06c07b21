// The version that package.json names.

import { readFileSync } from 'node:fs';
import { packageRoot } from '../src/api/node.ts';

export function version(): string {
  try {
    const text = readFileSync(new URL('package.json', packageRoot()), 'utf8');
    return String((JSON.parse(text) as { version?: unknown }).version ?? 'unknown');
  } catch {
    return 'unknown';
  }
}
