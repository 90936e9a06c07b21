// The firmware that starts disk, CD and floppy images: SeaBIOS and its VGA BIOS for the board's screen, from
// Debian's package seabios, into public/guest/firmware with the package's copyright file. Both are LGPL-3;
// their sources are Debian's source package of the same version, which the manifest names.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GuestError, openSuite, requireDebianTools, unpack } from './apt.ts';
import { type GuestFile, type MiniOptions, sha256, SUITE, writeWhole } from './mini.ts';

/** Files of the manifest, and where the package has them. */
const FILES = {
  'bios-256k.bin': 'usr/share/seabios/bios-256k.bin',
  'vgabios-stdvga.bin': 'usr/share/seabios/vgabios-stdvga.bin',
  copyright: 'usr/share/doc/seabios/copyright',
} as const;
const PACKAGE = 'seabios';
/** Raised when the manifest changes its meaning. */
const FORMAT = 1;

export interface FirmwareManifest {
  format: number;
  name: 'firmware';
  title: string;
  /** File names, relative to the manifest. */
  bios: string;
  videoBios: string;
  licence: string;
  source: string;
  packages: Record<string, string>;
  bytes: number;
  files: Record<string, GuestFile>;
}

function readCurrent(folder: string): FirmwareManifest | undefined {
  const path = join(folder, 'manifest.json');
  if (!existsSync(path)) return undefined;
  let manifest: FirmwareManifest;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8')) as FirmwareManifest;
  } catch {
    return undefined;
  }
  if (manifest.format !== FORMAT) return undefined;
  const whole = Object.keys(FILES).every((name) => {
    const at = join(folder, name);
    const file = manifest.files[name];
    return file !== undefined && existsSync(at) && statSync(at).size === file.bytes
      && sha256(readFileSync(at)) === file.sha256;
  });
  return whole ? manifest : undefined;
}

/** Makes public/guest/firmware where it is not there already. Throws GuestError where it cannot be made. */
export async function prepareFirmware(options: MiniOptions): Promise<FirmwareManifest> {
  const { root, log } = options;
  const folder = join(root, 'public/guest/firmware');
  const current = options.refresh === true ? undefined : readCurrent(folder);
  if (current !== undefined) return current;
  requireDebianTools();
  const cache = join(root, '.cache/guest/firmware');
  const apt = await openSuite(join(cache, '../apt'), SUITE, log);
  const version = apt.show(PACKAGE)?.get('Version');
  if (version === undefined) {
    throw new GuestError(`There is no package ${PACKAGE} of Debian ${SUITE} in the archives of this machine.`);
  }
  log(`${PACKAGE} (${version}) …`);
  const packages = await apt.download([PACKAGE], join(cache, 'packages'));
  const unpacked = join(cache, 'root');
  rmSync(unpacked, { recursive: true, force: true });
  unpack(packages.get(PACKAGE) ?? '', unpacked);
  mkdirSync(folder, { recursive: true });
  const files: Record<string, GuestFile> = {};
  for (const [name, path] of Object.entries(FILES)) {
    const at = join(unpacked, path);
    if (!existsSync(at)) throw new GuestError(`The package ${PACKAGE} ${version} holds no ${path}.`);
    const data = readFileSync(at);
    writeWhole(join(folder, name), data);
    files[name] = { bytes: data.length, sha256: sha256(data) };
  }
  rmSync(cache, { recursive: true, force: true });
  const manifest: FirmwareManifest = {
    format: FORMAT,
    name: 'firmware',
    title: `SeaBIOS ${version} and its VGA BIOS`,
    bios: 'bios-256k.bin',
    videoBios: 'vgabios-stdvga.bin',
    licence: 'LGPL-3, see copyright',
    source: `Debian source package ${PACKAGE} ${version}`,
    packages: { [PACKAGE]: version },
    bytes: Object.values(files).reduce((sum, file) => sum + file.bytes, 0),
    files,
  };
  writeWhole(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}
