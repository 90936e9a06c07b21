// What an image's first bytes betray: files that are no raw image get a sentence instead of a machine that
// finds nothing to boot.

import { DiskError, type BlockDevice } from './block-device.ts';

const RAW = 'only raw images can be used';
const convert = (format: string): string => `${RAW}; convert it by "qemu-img convert -O raw" (${format})`;

const KINDS: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/^\s*<(!doctype|html|\?xml|head)/i, 'it is a web page, not an image'],
  [/^QFI\xFB/, `it is a qcow image: ${convert('qcow2')}`],
  [/^KDMV|^# Disk DescriptorFile/, `it is a VMware image: ${convert('vmdk')}`],
  [/^<<< /, `it is a VirtualBox image: ${convert('vdi')}`],
  [/^vhdxfile|^conectix/, `it is a Hyper-V image: ${convert('vhdx')}`],
  [/^\x1F\x8B|^BZh|^\xFD7zXZ|^\x28\xB5\x2F\xFD|^PK\x03\x04|^7z\xBC\xAF|^Rar!/, `it is compressed: ${RAW}; unpack it first`],
  [/^SKEPOVL/, 'it holds only kept changes, not an image'],
];
const HEAD_BYTES = 512;

/** Rejects what cannot be a raw image. */
export async function checkImage(device: BlockDevice): Promise<void> {
  if (device.sizeBytes === 0) throw new DiskError('the image is empty');
  const head = new Uint8Array(Math.min(HEAD_BYTES, device.sizeBytes));
  await device.read(0, head);
  const text = String.fromCharCode(...head);
  const kind = KINDS.find(([pattern]) => pattern.test(text));
  if (kind !== undefined) throw new DiskError(kind[1]);
}
