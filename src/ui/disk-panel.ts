// The drives of the running machine: what they have read, written and loaded, what troubles them, and what
// the user can do with them: save the whole disk as an image, change the disc of a CD drive.

import type { DiskEvent, Skep, SkepDisk, SkepStats } from '../api/index.ts';
import { byId, el } from './dom.ts';
import { formatBytes } from './format.ts';
import type { Message } from './messages.ts';
import { counted, openSink } from './save-stream.ts';

type DriveFigures = SkepStats['drives'][number];

export interface DiskPanelActions {
  /** `about` names what the message is about, for hide(). */
  show(message: Message, about: string): void;
  /** Takes a message away that is about this and has become void. */
  hide(about: string): void;
  /** Stops the guest while its disk is saved, and lets it go on; a guest that stands already stays so. */
  pause(): Promise<() => Promise<void>>;
  onError(error: unknown): void;
}

interface Row {
  name: string;
  figures: HTMLElement;
  status: HTMLElement;
  light: HTMLElement;
  last: DriveFigures;
  download: { bytes: number; total: number } | undefined;
  saving: AbortController | undefined;
}

const NAMES = ['hda', 'hdb', 'cdrom', 'hdd'];

export class DiskPanel {
  #vm: Skep | undefined;
  readonly #rows = new Map<number, Row>();

  constructor(private readonly actions: DiskPanelActions) {}

  /** Shows the drives of this machine from now on; the same machine again is no change. */
  attach(vm: Skep): void {
    if (this.#vm === vm) return;
    this.end();
    this.#vm = vm;
    const drives = vm.stats.drives;
    byId('disk-panel').hidden = drives.length === 0;
    byId('disk-rows').replaceChildren(...drives.map((figures, index) => this.#row(vm.disks[index] as SkepDisk, figures)));
    vm.on('disk', (event) => { if (this.#vm === vm) this.onEvent(event); });
  }

  /** The machine is over: nothing can be saved any more. */
  end(): void {
    this.#vm = undefined;
    for (const { saving } of this.#rows.values()) saving?.abort();
    this.#rows.clear();
    byId('disk-panel').hidden = true;
  }

  update(drives: readonly DriveFigures[]): void {
    for (const now of drives) {
      const row = this.#rows.get(now.position);
      if (row === undefined) continue;
      const busy = now.requests !== row.last.requests;
      row.light.classList.toggle('busy', busy);
      // It answers again.
      if (busy && now.errors === row.last.errors && row.saving === undefined
        && row.status.textContent !== '') {
        row.status.textContent = '';
        this.actions.hide(`slow ${row.name}`);
      }
      row.last = now;
      this.#showFigures(row);
    }
  }

  onEvent(event: DiskEvent): void {
    if (event.kind === 'dead') {
      this.actions.show({ title: 'The disks failed', text: event.message,
        remedy: 'Changes that were not kept are lost. Start the machine again.' }, 'dead disks');
      return;
    }
    const row = this.#rows.get(event.drive);
    const name = NAMES[event.drive] ?? '';
    switch (event.kind) {
      case 'download':
        if (row === undefined) break;
        row.download = { bytes: event.bytes, total: event.total };
        this.#showFigures(row);
        break;
      case 'retry':
        if (row !== undefined) row.status.textContent = event.message;
        break;
      case 'slow':
        this.actions.show({ title: 'A disk does not answer', text: `${name} (${event.name}) has not answered for ${
          event.seconds} s.${row === undefined || row.status.textContent === '' ? ''
            : ` ${row.status.textContent ?? ''}.`}`,
        remedy: 'The guest waits for it. If it stays so, the guest is told of a device error.' }, `slow ${name}`);
        break;
      case 'error':
        if (row !== undefined) row.status.textContent = event.message;
        this.actions.hide(`slow ${name}`);
        this.actions.show({ title: 'A disk failed', text: `${name} (${event.name}): ${event.message}.`,
          remedy: 'The guest was told of a device error and goes on as well as it can.' }, `error ${name}`);
        break;
      case 'eject':
        void this.#insert(null);
        break;
    }
  }

  #row(disk: SkepDisk, figures: DriveFigures): HTMLElement {
    const light = el('i', { className: 'light', 'aria-hidden': 'true' });
    const image = el('span', { className: 'disk-image' }, disk.image);
    const row: Row = { name: disk.name, figures: el('p', { className: 'quiet disk-figures' }),
      status: el('p', { className: 'disk-status', role: 'status' }), light, last: figures, download: undefined,
      saving: undefined };
    this.#rows.set(figures.position, row);
    this.#showFigures(row);
    const buttons = el('span', { className: 'disk-buttons' });
    if (disk.kind === 'disk') {
      const save = el('button', { type: 'button', className: 'plain', title: 'The whole disk as a raw image; the machine pauses meanwhile',
        'aria-label': `Save ${disk.name} as an image` }, 'Save image');
      save.addEventListener('click', () => void this.#save(disk, row, save));
      buttons.append(save);
    } else {
      const chooser = el('input', { type: 'file', accept: '.iso,.cdr', 'aria-label': 'Put another disc in' });
      chooser.addEventListener('change', () => {
        const [file] = chooser.files ?? [];
        chooser.value = '';
        if (file !== undefined) void this.#insert(file);
      });
      const eject = el('button', { type: 'button', className: 'plain' }, 'Eject');
      eject.addEventListener('click', () => void this.#insert(null));
      buttons.append(el('label', { className: 'file small' }, chooser, el('span', {}, 'Change disc…')),
        eject);
    }
    return el('div', { className: 'disk-row', 'data-drive': disk.name },
      el('div', { className: 'disk-head' }, light, el('strong', {}, disk.name), image, buttons), row.figures, row.status);
  }

  #showFigures({ figures, last, download }: Row): void {
    const parts = [`${formatBytes(last.readBytes)} read`, `${formatBytes(last.writtenBytes)} written`];
    if (download !== undefined) parts.push(`${formatBytes(download.bytes)} of ${formatBytes(download.total)} loaded`);
    if (last.errors > 0) parts.push(`${last.errors} errors`);
    const text = parts.join(' · ');
    if (figures.textContent !== text) figures.textContent = text;
  }

  /** Another disc for the CD drive, or none. */
  async #insert(disc: File | null): Promise<void> {
    const vm = this.#vm;
    try {
      await vm?.insertDisc(disc);
      if (this.#vm !== vm) return;
      const image = byId('disk-rows').querySelector('[data-drive="cdrom"] .disk-image');
      if (image !== null) image.textContent = disc?.name ?? 'nothing';
    } catch (error) {
      this.actions.onError(error);
    }
  }

  async #save(disk: SkepDisk, row: Row, button: HTMLButtonElement): Promise<void> {
    if (row.saving !== undefined) {
      row.saving.abort();
      return;
    }
    let goOn: (() => Promise<void>) | undefined;
    try {
      const sink = await openSink(imageFileName(disk.image));
      if (sink === undefined) return;
      row.saving = new AbortController();
      button.textContent = 'Cancel';
      goOn = await this.actions.pause();
      const total = formatBytes(disk.sizeBytes);
      const stream = counted(disk.export(), (bytes) => {
        row.status.textContent = `Saving: ${formatBytes(bytes)} of ${total}`;
      });
      await sink.take(stream, row.saving.signal);
      row.status.textContent = `Saved, ${total}`;
    } catch (error) {
      row.status.textContent = row.saving?.signal.aborted === true ? 'Not saved' : '';
      if (row.saving?.signal.aborted !== true) this.actions.onError(error);
    } finally {
      row.saving = undefined;
      button.textContent = 'Save image';
      await goOn?.().catch((error: unknown) => this.actions.onError(error));
    }
  }
}

/** debian13/disk.json -> debian13.img: what is saved is raw, whatever it was made from. */
export function imageFileName(image: string): string {
  const plain = image.replace(/\/[^/]*\.json$/i, '').replace(/\.(json|img|raw|bin)$/i, '').replaceAll('/',
    '-');
  return `${plain || 'disk'}.img`;
}
