// What the suite `screen` boots, into .cache/guest/screen-test: an initramfs with the modules of the stock
// kernel's bochs-drm and psmouse, to be added to that of `mini`, and GRUB's rescue CD from Debian's package
// grub-rescue-pc.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, openSuite, requireDebianTools, unpack } from './apt.ts';
import { writeCpio } from './cpio.ts';
import { type GuestFile, type MiniOptions, prepareMini, sha256, SUITE, writeWhole } from './mini.ts';
import { loadOrder, moduleEntries, moduleTree } from './modules.ts';

const PACKAGE = 'grub-rescue-pc';
const CD = 'usr/lib/grub-rescue/grub-rescue-cdrom.iso';
const WANTED = ['bochs', 'psmouse'];
/** Raised when the manifest changes its meaning. */
const FORMAT = 2;

export interface ScreenTestManifest {
  format: number;
  title: string;
  kernelVersion: string;
  bytes: number;
  files: Record<string, GuestFile>;
}

function readCurrent(folder: string, kernelVersion: string): ScreenTestManifest | undefined {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) return undefined;
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as ScreenTestManifest;
  if (manifest.format !== FORMAT || manifest.kernelVersion !== kernelVersion) return undefined;
  const whole = Object.entries(manifest.files).every(([name, file]) =>
    existsSync(join(folder, name)) && statSync(join(folder, name)).size === file.bytes);
  return whole ? manifest : undefined;
}

async function rescueCd(cache: string, options: MiniOptions): Promise<Uint8Array> {
  requireDebianTools();
  const apt = await openSuite(join(cache, '../apt'), SUITE, options.log);
  const packages = await apt.download([PACKAGE], join(cache, 'packages'));
  unpack(packages.get(PACKAGE) ?? '', join(cache, 'grub'));
  const at = join(cache, 'grub', CD);
  if (!existsSync(at)) throw new GuestError(`The package ${PACKAGE} holds no ${CD}.`);
  const data = readFileSync(at);
  for (const name of ['packages', 'grub']) rmSync(join(cache, name), { recursive: true, force: true });
  return data;
}

/**
 * Makes .cache/guest/screen-test where it is not there already. Throws GuestError where it cannot be made.
 */
export async function prepareScreenTest(options: MiniOptions): Promise<ScreenTestManifest> {
  const { root, log } = options;
  const { kernelVersion } = await prepareMini({ root, log });
  const folder = join(root, '.cache/guest/screen-test');
  const current = options.refresh === true ? undefined : readCurrent(folder, kernelVersion);
  if (current !== undefined) return current;
  mkdirSync(folder, { recursive: true });
  log(`modules of ${kernelVersion}, ${PACKAGE} …`);
  const modules = loadOrder(await moduleTree(root, kernelVersion, log), WANTED);
  const contents: Record<string, Uint8Array> = {
    'modules.cpio': writeCpio(moduleEntries('modules', modules)),
    'grub-rescue.iso': await rescueCd(folder, options),
  };
  const files: Record<string, GuestFile> = {};
  for (const [name, data] of Object.entries(contents)) {
    writeWhole(join(folder, name), data);
    files[name] = { bytes: data.length, sha256: sha256(data) };
  }
  const manifest: ScreenTestManifest = {
    format: FORMAT,
    title: `drivers and a CD for the suite screen (${modules.map(({ name }) => name).join(', ')}; ${PACKAGE})`,
    kernelVersion,
    bytes: Object.values(files).reduce((sum, file) => sum + file.bytes, 0),
    files,
  };
  writeWhole(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}
