// Drives of a machine as its user wishes them: positions on the IDE channels, images from anywhere.

import type { DriveConfig } from '../emu/disk/block-device.ts';
import { ConfigError } from '../emu/errors.ts';
import type { FileSource, ImageOpener } from './source.ts';

/** An image, or an image whose changes are to be lost when the machine ends. */
export type DiskOption = FileSource | { image: FileSource; snapshot?: boolean };
/** An image of a data CD or DVD; null: the drive is empty. */
export type DiscOption = FileSource | null;

export interface DriveOptions {
  /**
   * First and second disk, raw images. A file by path (Node) is written to, unless `snapshot`; what the guest
   * writes to any other image stays in memory.
   */
  hda?: DiskOption;
  hdb?: DiskOption;
  /** CD-ROM drive on the second channel. */
  cdrom?: DiscOption;
}

const CDROM_POSITION = 2;

function isPlain(option: DiskOption): option is FileSource {
  return !(typeof option === 'object' && 'image' in option);
}

export function driveConfigs(options: DriveOptions, open: ImageOpener): DriveConfig[] {
  const drives: DriveConfig[] = [];
  for (const [position, option] of [options.hda, options.hdb].entries()) {
    if (option === undefined) continue;
    const image = isPlain(option) ? option : option.image;
    if (image === '') throw new ConfigError(`There is no image for hd${'ab'[position]}.`, 'Name a file.');
    drives.push({ position, type: 'disk', snapshot: isPlain(option) ? false : option.snapshot ?? false, ...open(image) });
  }
  if (options.cdrom !== undefined) drives.push(changedDisc(options.cdrom, open));
  return drives;
}

/** The CD-ROM drive with that disc in it. */
export function changedDisc(disc: DiscOption, open: ImageOpener): DriveConfig {
  const drive = { position: CDROM_POSITION, type: 'cdrom', snapshot: false } as const;
  return disc === null ? { ...drive, name: 'nothing' } : { ...drive, ...open(disc) };
}
