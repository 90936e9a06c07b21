// Drives of a machine as its user wishes them: positions on the IDE channels, images from anywhere.

import type { DriveConfig } from '../emu/disk/block-device.ts';
import { ConfigError } from '../emu/errors.ts';
import type { FileSource, ImageOpener } from './source.ts';

/** An image, with what becomes of the guest's changes. */
export interface DiskChoice {
  /** Absent: the guest's own disk. */
  image?: FileSource;
  /** Changes are lost when the machine ends; the image is left alone. */
  snapshot?: boolean;
  /**
   * Changes are kept, the image is left alone: in a page in the browser's storage under that name (true: one
   * made from the image's name or address), in Node in the file of that path.
   */
  keep?: boolean | string;
}
export type DiskOption = FileSource | DiskChoice;
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

function choiceOf(option: DiskOption): DiskChoice {
  const choice = typeof option === 'object' && !(option instanceof URL) && !(option instanceof Blob)
    && !(option instanceof ArrayBuffer) && !(option instanceof Uint8Array);
  return choice ? option : { image: option };
}

/** The wish for the first disk, with the guest's own disk where no other image is given. */
export function withGuestDisk(option: DiskOption | undefined,
  guestDisk: FileSource | undefined): DiskOption | undefined {
  if (option === undefined) return guestDisk;
  const choice = choiceOf(option);
  return choice.image === undefined && guestDisk !== undefined ? { ...choice, image: guestDisk } : option;
}

/** Names of kept changes in a browser's storage: file names everywhere. */
const KEPT_NAME = /^[\w][\w .+()@-]{0,99}$/;

/** FNV-1a, 32 bits: tells addresses with the same last part from one another. */
function shortHash(text: string): string {
  let hash = 0x811C9DC5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

function keptName(keep: true | string, { name, source }: ReturnType<ImageOpener>, inFiles: boolean): string {
  if (inFiles) {
    if (typeof keep === 'string' && keep !== '') return keep;
    throw new ConfigError('There is no file to keep the changes in.', 'Name one.');
  }
  if (typeof keep === 'string') {
    if (KEPT_NAME.test(keep)) return keep;
    throw new ConfigError(`"${keep}" is not a name for kept changes.`, 'Use up to 100 letters, digits, spaces and - _ . + ( ) @.');
  }
  const plain = name.replace(/[^\w.+()@-]+/g, '-').replace(/^[^\w]+/, '').slice(-60) || 'disk';
  return source.kind === 'url' ? `${plain} ${shortHash(source.url)}` : plain;
}

/** `keepInFiles`: changes are kept in files by path, not in a browser's storage by name. */
export function driveConfigs(options: DriveOptions, open: ImageOpener, keepInFiles: boolean): DriveConfig[] {
  const drives: DriveConfig[] = [];
  for (const [position, option] of [options.hda, options.hdb].entries()) {
    if (option === undefined) continue;
    const { image, snapshot = false, keep = false } = choiceOf(option);
    if (image === undefined || image === '') {
      throw new ConfigError(`There is no image for hd${'ab'[position]}.`, 'Name a file.');
    }
    const opened = open(image);
    const drive: DriveConfig = { position, type: 'disk', snapshot, ...opened };
    if (keep !== false) drive.keep = keptName(keep, opened, keepInFiles);
    drives.push(drive);
  }
  if (options.cdrom !== undefined) drives.push(changedDisc(options.cdrom, open));
  return drives;
}

/** The CD-ROM drive with that disc in it. */
export function changedDisc(disc: DiscOption, open: ImageOpener): DriveConfig {
  const drive = { position: CDROM_POSITION, type: 'cdrom', snapshot: false } as const;
  return disc === null ? { ...drive, name: 'nothing' } : { ...drive, ...open(disc) };
}
