// Guests that were prepared with `npm run guest`: a folder with manifest.json and the files that it names.

import * as v from 'valibot';
import { ConfigError, SkepError } from '../emu/errors.ts';

/** Names that `tools/guest` can make. */
export const KNOWN_GUESTS = ['mini', 'debian13'] as const;

const Manifest = v.object({
  name: v.string(),
  title: v.string(),
  kernel: v.string(),
  initrd: v.optional(v.string()),
  append: v.optional(v.string(), ''),
  /** Image or index of an image for hda. */
  disk: v.optional(v.string()),
  /** MiB of RAM that the guest likes. */
  memory: v.optional(v.number()),
  bytes: v.optional(v.number()),
});
export type GuestManifest = v.InferOutput<typeof Manifest>;

export function checkGuestName(name: string): void {
  if (!(KNOWN_GUESTS as readonly string[]).includes(name)) {
    throw new ConfigError(`There is no guest "${name}".`,
      `Choose ${KNOWN_GUESTS.join(', ')}, or give a kernel.`,
      'unknown-guest');
  }
}

export function parseManifest(text: string, name: string): GuestManifest {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // An HTML answer to a missing file ends here, too.
    throw guestMissing(name);
  }
  const parsed = v.safeParse(Manifest, data);
  if (!parsed.success) {
    throw new SkepError('guest-missing', `The manifest of guest "${name}" is damaged.`,
      'Run npm run guest -- --refresh.');
  }
  return parsed.output;
}

export function guestMissing(name: string): SkepError {
  return new SkepError('guest-missing', `The guest "${name}" has not been prepared.`,
    `Run npm run guest -- ${name} (it needs Debian's package tools), or give a kernel and an initrd.`);
}
