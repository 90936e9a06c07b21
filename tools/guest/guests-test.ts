// What the suite `guests` boots, into .cache/guest/guests-test: Memtest86+ from Debian's package memtest86+,
// its CD and its programs for 64 and 32 bits.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, openSuite, requireDebianTools, unpack } from './apt.ts';
import { type GuestFile, type MiniOptions, sha256, SUITE, writeWhole } from './mini.ts';

const PACKAGE = 'memtest86+';
const FILES: Record<string, string> = {
  'memtest64.iso': 'usr/lib/memtest86+/memtest86+x64.iso',
  'memtest64.bin': 'boot/memtest86+x64.bin',
  'memtest32.bin': 'boot/memtest86+ia32.bin',
};
/** Raised when the manifest changes its meaning. */
const FORMAT = 1;

export interface GuestsTestManifest {
  format: number;
  title: string;
  bytes: number;
  files: Record<string, GuestFile>;
}

function readCurrent(folder: string): GuestsTestManifest | undefined {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) return undefined;
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as GuestsTestManifest;
  if (manifest.format !== FORMAT) return undefined;
  const whole = Object.entries(manifest.files).every(([name, file]) =>
    existsSync(join(folder, name)) && statSync(join(folder, name)).size === file.bytes);
  return whole ? manifest : undefined;
}

/**
 * Makes .cache/guest/guests-test where it is not there already. Throws GuestError where it cannot be made.
 */
export async function prepareGuestsTest(options: MiniOptions): Promise<GuestsTestManifest> {
  const folder = join(options.root, '.cache/guest/guests-test');
  const current = options.refresh === true ? undefined : readCurrent(folder);
  if (current !== undefined) return current;
  requireDebianTools();
  mkdirSync(folder, { recursive: true });
  options.log(`${PACKAGE} …`);
  const apt = await openSuite(join(folder, '../apt'), SUITE, options.log);
  const packages = await apt.download([PACKAGE], join(folder, 'packages'));
  unpack(packages.get(PACKAGE) ?? '', join(folder, 'root'));
  const files: Record<string, GuestFile> = {};
  for (const [name, from] of Object.entries(FILES)) {
    const at = join(folder, 'root', from);
    if (!existsSync(at)) throw new GuestError(`The package ${PACKAGE} holds no ${from}.`);
    const data = readFileSync(at);
    writeWhole(join(folder, name), data);
    files[name] = { bytes: data.length, sha256: sha256(data) };
  }
  for (const name of ['packages', 'root']) rmSync(join(folder, name), { recursive: true, force: true });
  const manifest: GuestsTestManifest = { format: FORMAT, title: `programs for the suite guests (${PACKAGE})`,
    bytes: Object.values(files).reduce((sum, file) => sum + file.bytes, 0), files };
  writeWhole(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}
