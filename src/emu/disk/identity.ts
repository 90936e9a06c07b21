// What tells an image from another one of the same name and size, for changes that are kept apart from it:
// they fit only the image that they were made on.

import type { BlockDevice } from './block-device.ts';

const WHOLE_BYTES = 16 << 20;
const END_BYTES = 1 << 20;

export async function sha256(data: Uint8Array): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', data as Uint8Array<ArrayBuffer>));
  return [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * By contents: all of a small image, the first and last MiB of a large one, for sources without a version.
 */
export async function digest(device: BlockDevice): Promise<string> {
  const { sizeBytes } = device;
  const whole = sizeBytes <= WHOLE_BYTES;
  const data = new Uint8Array(whole ? sizeBytes : 2 * END_BYTES);
  if (whole) await device.read(0, data);
  else {
    await device.read(0, data.subarray(0, END_BYTES));
    await device.read(sizeBytes - END_BYTES, data.subarray(END_BYTES));
  }
  return `sha256 ${await sha256(data)}`;
}
