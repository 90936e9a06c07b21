// Disks whose changes are kept in this browser: how much room they take, the whole disk as an image, delete.

import { keptDisks, type KeptDisk } from '../api/index.ts';
import { imageFileName } from './disk-panel.ts';
import { byId, el } from './dom.ts';
import { formatBytes } from './format.ts';
import { counted, openSink } from './save-stream.ts';

const LOOK_MS = 3000;

export class KeptPanel {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly onError: (error: unknown) => void) {}

  /** Shows what there is now; nothing where there is nothing. */
  async refresh(): Promise<void> {
    let disks: KeptDisk[] = [];
    try {
      disks = await keptDisks.list();
    } catch (error) {
      // A browser without storage has nothing to show; whoever wants to keep something is told why at the
      // start.
      console.warn('Skep: the kept disks cannot be listed', error);
    }
    // Other tabs do not tell when they let go of theirs.
    clearTimeout(this.#timer);
    if (disks.some(({ inUse }) => inUse)) this.#timer = setTimeout(() => void this.refresh(), LOOK_MS);
    byId('kept').hidden = disks.length === 0;
    byId('kept-rows').replaceChildren(...disks.map((disk) => this.#row(disk)));
  }

  #row(disk: KeptDisk): HTMLElement {
    const { name, image, bytes, diskBytes, since, inUse } = disk;
    const status = el('p', { className: 'disk-status', role: 'status' });
    const title = image ?? name;
    const save = el('button', { type: 'button', className: 'plain', disabled: inUse || image === undefined,
      'aria-label': `Save ${title} with its changes as an image` }, 'Save image');
    save.addEventListener('click', () => void this.#save(disk, save, status));
    const drop = el('button', { type: 'button', className: 'plain danger', disabled: inUse,
      'aria-label': `Delete the changes of ${title}` }, 'Delete');
    drop.addEventListener('click', () => void this.#delete(disk));
    const what = image === undefined ? 'damaged' : `disk of ${formatBytes(diskBytes)}, since ${since?.toLocaleDateString('en') ?? ''}`;
    return el('div', { className: 'disk-row', 'data-kept': name },
      el('div', { className: 'disk-head' },
        el('strong', { className: 'disk-image', title: disk.url ?? name }, title),
        el('span', { className: 'disk-buttons' }, save, drop)),
      el('p', { className: 'quiet disk-figures' }, `${formatBytes(bytes)} of changes · ${what}${inUse ? ' · in use' : ''}`),
      status);
  }

  async #delete({ name, image }: KeptDisk): Promise<void> {
    if (!confirm(`Delete everything that was changed on ${image ?? name}? The image itself stays as it is.`)) return;
    try {
      await keptDisks.delete(name);
    } catch (error) {
      this.onError(error);
    }
    await this.refresh();
  }

  async #save(disk: KeptDisk, button: HTMLButtonElement, status: HTMLElement): Promise<void> {
    try {
      const image = disk.url ?? await chooseFile();
      if (image === undefined) return;
      const sink = await openSink(imageFileName(disk.image ?? disk.name));
      if (sink === undefined) return;
      button.disabled = true;
      const { sizeBytes, stream } = await keptDisks.export(disk.name, image);
      await sink.take(counted(stream, (bytes) => {
        status.textContent = `Saving: ${formatBytes(bytes)} of ${formatBytes(sizeBytes)}`;
      }), new AbortController().signal);
      status.textContent = `Saved, ${formatBytes(sizeBytes)}`;
    } catch (error) {
      status.textContent = '';
      this.onError(error);
    } finally {
      button.disabled = false;
    }
  }
}

/** The image that changes were made on, where it is a file of the user's; undefined when none is chosen. */
function chooseFile(): Promise<File | undefined> {
  const chooser = byId<HTMLInputElement>('kept-base');
  return new Promise((resolve) => {
    chooser.value = '';
    chooser.onchange = () => resolve(chooser.files?.[0]);
    chooser.oncancel = () => resolve(undefined);
    chooser.click();
  });
}
