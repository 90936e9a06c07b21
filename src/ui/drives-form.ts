// The drives of the machine form: a row for each with an address, a file by button or by dropping it, and for
// hard disks whether changes are kept. A file dropped elsewhere on the page goes where its kind belongs.

import { DRIVES, readDrive, writeDrive, type DriveName } from './config.ts';
import { byId, el } from './dom.ts';
import { formatBytes } from './format.ts';

interface DriveKind { label: string; keeps: boolean; accept: string }
const KINDS: Readonly<Record<DriveName, DriveKind>> = {
  hda: { label: 'Hard disk', keeps: true, accept: '' },
  hdb: { label: 'Second hard disk', keeps: true, accept: '' },
  cdrom: { label: 'CD or DVD', keeps: false, accept: '.iso,.cdr,application/x-iso9660-image' },
  fda: { label: 'Floppy disk', keeps: false, accept: '.img,.ima,.flp,.vfd,.dsk' },
};
/** Formatted capacities of PC floppies, 160 kB to 2.88 MB. */
const FLOPPY_BYTES =
  new Set([160, 180, 320, 360, 720, 1200, 1440, 1680, 1722, 2880].map((kib) => kib * 1024));

/** Where a dropped file belongs, given what is taken. */
export function driveFor(name: string, bytes: number, taken: (drive: DriveName) => boolean): DriveName {
  if (/\.(iso|cdr)$/i.test(name)) return 'cdrom';
  if (FLOPPY_BYTES.has(bytes)) return 'fda';
  return taken('hda') && !taken('hdb') ? 'hdb' : 'hda';
}

export class DrivesForm {
  readonly #files = new Map<DriveName, File>();
  /** The guest brings its own first disk. */
  #guestDisk = false;

  constructor(private readonly onChange: () => void) {
    byId('drives').replaceChildren(...DRIVES.map((name) => driveRow(name, KINDS[name])));
    for (const name of DRIVES) this.#bind(name);
  }

  fill(config: Readonly<Record<DriveName, string>>): void {
    for (const name of DRIVES) {
      const { address, keep } = readDrive(config[name]);
      byId<HTMLInputElement>(name).value = address;
      if (KINDS[name].keeps) byId<HTMLInputElement>(`${name}-keep`).checked = keep;
      this.#show(name);
    }
  }

  /** Values as a link has them. */
  get values(): Record<DriveName, string> {
    const value = (name: DriveName): string => writeDrive({
      address: byId<HTMLInputElement>(name).value.trim(),
      keep: KINDS[name].keeps && byId<HTMLInputElement>(`${name}-keep`).checked,
    });
    return { hda: value('hda'), hdb: value('hdb'), cdrom: value('cdrom'), fda: value('fda') };
  }

  get files(): Partial<Record<DriveName, File>> {
    return Object.fromEntries(this.#files);
  }

  /** Something is in a drive, other than what the guest brings. */
  get used(): boolean {
    return DRIVES.some((name) => this.#taken(name));
  }

  /** Changes of a disk are kept. */
  get keeps(): boolean {
    return DRIVES.some((name) => readDrive(this.values[name]).keep);
  }

  setGuestDisk(guestDisk: boolean): void {
    this.#guestDisk = guestDisk;
    this.#show('hda');
  }

  /** Puts a file into a drive; undefined takes it out. */
  choose(name: DriveName, file: File | undefined): void {
    if (file === undefined) this.#files.delete(name);
    else {
      this.#files.set(name, file);
      byId<HTMLInputElement>(name).value = '';
    }
    this.#show(name);
    this.onChange();
  }

  /** A file dropped somewhere on the page. */
  drop(file: File): DriveName {
    const taken = (drive: DriveName): boolean => this.#taken(drive) || (drive === 'hda' && this.#guestDisk);
    const name = driveFor(file.name, file.size, taken);
    this.choose(name, file);
    return name;
  }

  #taken(name: DriveName): boolean {
    return this.#files.has(name) || byId<HTMLInputElement>(name).value.trim() !== '';
  }

  #bind(name: DriveName): void {
    const row = byId(`${name}-row`);
    const chooser = byId<HTMLInputElement>(`${name}-file`);
    chooser.addEventListener('change', () => {
      const [file] = chooser.files ?? [];
      // The same file can be chosen again after it was taken out.
      chooser.value = '';
      if (file !== undefined) this.choose(name, file);
    });
    byId<HTMLInputElement>(name).addEventListener('input', () => {
      this.#files.delete(name);
      this.#show(name);
    });
    byId(`${name}-clear`).addEventListener('click', () => {
      byId<HTMLInputElement>(name).value = '';
      this.choose(name, undefined);
      byId(name).focus();
    });
    row.addEventListener('dragover', (event) => {
      if (byId<HTMLFieldSetElement>('fields').disabled) return;
      event.preventDefault();
      row.classList.add('dropping');
    });
    row.addEventListener('dragleave', () => row.classList.remove('dropping'));
    row.addEventListener('drop', (event) => {
      row.classList.remove('dropping');
      const [file] = event.dataTransfer?.files ?? [];
      if (file === undefined || byId<HTMLFieldSetElement>('fields').disabled) return;
      event.preventDefault();
      event.stopPropagation();
      this.choose(name, file);
    });
  }

  #show(name: DriveName): void {
    const file = this.#files.get(name);
    const taken = this.#taken(name);
    const guests = name === 'hda' && this.#guestDisk;
    byId(`${name}-name`).textContent = file === undefined ? ''
      : `${file.name}, ${formatBytes(file.size)} (not part of the link)`;
    byId(`${name}-clear`).hidden = !taken;
    byId<HTMLInputElement>(name).placeholder = guests ? 'the guest\'s own, or an address'
      : 'address, or drop a file here';
    if (KINDS[name].keeps) byId<HTMLInputElement>(`${name}-keep`).disabled = !taken && !guests;
  }
}

function driveRow(name: DriveName, { label, keeps, accept }: DriveKind): HTMLElement {
  const keep = el('label', { className: 'check', title: 'What the guest writes stays in this browser, for the next start' },
    el('input', { id: `${name}-keep`, type: 'checkbox' }), ' Keep changes in this browser');
  return el('div', { id: `${name}-row`, className: 'field drive' },
    el('div', { className: 'drive-head' },
      el('label', { for: name }, label, ' ', el('small', { className: 'quiet' }, name)),
      el('button', { id: `${name}-clear`, className: 'plain', type: 'button', hidden: true,
        'aria-label': `Take the image out: ${label}` }, 'Remove')),
    el('div', { className: 'file-row' },
      el('input', { id: name, type: 'text', inputMode: 'url', spellcheck: false }),
      el('label', { className: 'file' },
        el('input', { id: `${name}-file`, type: 'file', accept, 'aria-label': `${label}: choose a file` }),
        el('span', {}, 'File…'))),
    el('small', { id: `${name}-name`, className: 'quiet' }),
    keeps ? keep : undefined);
}
