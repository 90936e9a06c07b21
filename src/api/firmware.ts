// Start through firmware as a user wishes it: which BIOS, which floppies, in which order devices are tried.
// Without a BIOS of the user's own the one that `npm run guest` has prepared beside the guests is taken.

import * as v from 'valibot';
import type { FirmwareConfig, FloppyConfig } from '../emu/config.ts';
import { checkBootOrder, checkFirmware, DEFAULT_BOOT_ORDER, floppySize } from '../emu/boot/firmware.ts';
import { ConfigError, SkepError } from '../emu/errors.ts';
import type { FileSource, Reader, ReadOptions } from './source.ts';

export interface FirmwareOptions {
  /** A BIOS image; default: the prepared SeaBIOS. */
  bios?: FileSource;
  /** ROM for the board's VGA; default: the prepared one, unless `bios` is given. */
  videoBios?: FileSource;
  /**
   * Images for floppy drives A and B, up to 2.88 MB. What the guest writes is in memory: Skep.floppyImage
   * gives it, the command line puts it into the file.
   */
  fda?: FileSource | FloppyOption;
  fdb?: FileSource | FloppyOption;
  /** Letters a (floppy), c (hard disk), d (CD): what firmware tries first; default cda. */
  bootOrder?: string;
  /** Offer the firmware's boot menu for so many ms. */
  bootMenuMs?: number;
  /** The firmware's screen and keyboard also on serial port 1. */
  firmwareOnSerial?: boolean;
}

/** A floppy with its write-protect notch. */
export interface FloppyOption { image: FileSource; readOnly?: boolean }

const isFloppyOption = (option: FileSource | FloppyOption): option is FloppyOption =>
  typeof option === 'object' && 'image' in option;

/** The parts of the machine's wishes that decide how it starts. */
export interface StartOptions extends FirmwareOptions {
  guest?: string;
  kernel?: FileSource;
  hda?: unknown;
  hdb?: unknown;
  cdrom?: unknown;
}

const Manifest = v.object({ bios: v.string(), videoBios: v.string() });

/**
 * True when the machine starts at its reset vector: asked for, or no kernel but something to boot from.
 */
export function startsWithFirmware(options: StartOptions): boolean {
  const asked = options.bios !== undefined || options.bootOrder !== undefined
    || options.bootMenuMs !== undefined;
  if (asked && options.kernel !== undefined) {
    throw new ConfigError('A kernel is started directly, without firmware.',
      'Leave out the kernel, or the BIOS and the boot order.');
  }
  if (asked) return true;
  if (options.kernel !== undefined || options.guest !== undefined) return false;
  const media = [options.fda, options.fdb, options.hda, options.hdb, options.cdrom];
  return media.some((image) => image !== undefined);
}

async function prepared(root: URL, read: Reader,
  options: ReadOptions): Promise<{ bios: URL; videoBios: URL }> {
  const base = new URL('firmware/', root);
  const missing = new SkepError('guest-missing', 'The firmware has not been prepared.',
    'Run npm run guest -- firmware (it needs Debian\'s package tools), or give a BIOS.');
  try {
    const { bytes } = await read(new URL('manifest.json', base), options);
    const manifest = v.parse(Manifest, JSON.parse(new TextDecoder().decode(bytes)));
    return { bios: new URL(manifest.bios, base), videoBios: new URL(manifest.videoBios, base) };
  } catch (error) {
    if (error instanceof SkepError && error.code !== 'file-missing') throw error;
    throw missing;
  }
}

/** Loads BIOS and video BIOS; `root` is the folder of prepared guests. */
export async function readFirmware(options: FirmwareOptions, root: URL, read: Reader,
  files: ReadOptions): Promise<FirmwareConfig> {
  const bootOrder = options.bootOrder ?? DEFAULT_BOOT_ORDER;
  checkBootOrder(bootOrder);
  const own: { bios?: FileSource; videoBios?: FileSource } = options.bios === undefined
    ? await prepared(root, read, files) : { bios: options.bios };
  const videoSource = options.videoBios ?? own.videoBios;
  const [bios, videoBios] = await Promise.all([read(own.bios as FileSource, files),
    videoSource === undefined ? undefined : read(videoSource, files)]);
  const firmware = { bios, videoBios, bootOrder, menuMs: options.bootMenuMs ?? 0,
    serialConsole: options.firmwareOnSerial ?? false };
  checkFirmware(firmware);
  return firmware;
}

/** Loads the images of drives A and B. */
export async function readFloppies(options: FirmwareOptions, read: Reader,
  files: ReadOptions): Promise<FloppyConfig[]> {
  if (options.fda === undefined && options.fdb !== undefined) {
    throw new ConfigError('There is an image for floppy drive B, but none for A.', 'Use drive A first.');
  }
  const sources = [options.fda, options.fdb].filter((source) => source !== undefined);
  const floppies = await Promise.all(sources.map(async (source) => {
    if (!isFloppyOption(source)) return { image: await read(source, files) };
    return { image: await read(source.image, files), readOnly: source.readOnly ?? false };
  }));
  floppies.forEach(floppySize);
  return floppies;
}
