// The machine form. The form is the truth about the next machine; every change is written into the page's
// address.

import {
  BOOT_MENU_S, CPU_CHOICES, CPU_MODELS, defaultConfig, GUEST_TITLES, GUESTS, RAM_CHOICES, readBoot, toQuery,
  type ChosenFiles, type GuestName, type MachineConfig,
} from './config.ts';
import { byId, el } from './dom.ts';
import { DrivesForm } from './drives-form.ts';
import { formatBytes, formatMemory } from './format.ts';
import type { View } from './views.ts';

/** Orders that the form offers; a link may hold others. */
const BOOT_ORDERS: readonly (readonly [order: string, label: string])[] = [
  ['', 'Automatic'], ['c', 'Hard disk'], ['d', 'CD or DVD'], ['a', 'Floppy disk'],
];

/** dc -> "CD or DVD, then hard disk". */
function orderLabel(order: string): string {
  const names = [...order].map((letter) => BOOT_ORDERS.find(([value]) => value === letter)?.[1] ?? letter);
  return names.map((name, n) => (n === 0 || name.startsWith('CD') ? name : name.toLowerCase())).join(
    ', then ');
}

export class MachineForm {
  readonly drives: DrivesForm;
  readonly #guest = byId<HTMLSelectElement>('guest');
  readonly #smp = byId('smp');
  readonly #ram = byId<HTMLSelectElement>('ram');
  readonly #cpu = byId<HTMLSelectElement>('cpu');
  readonly #kernel = byId<HTMLInputElement>('kernel');
  readonly #initrd = byId<HTMLInputElement>('initrd');
  readonly #append = byId<HTMLTextAreaElement>('append');
  readonly #bootOrder = byId<HTMLSelectElement>('boot-order');
  readonly #bootMenu = byId<HTMLInputElement>('boot-menu');
  readonly #autostart = byId<HTMLInputElement>('autostart');
  readonly #kernelFile = byId<HTMLInputElement>('kernel-file');
  readonly #initrdFile = byId<HTMLInputElement>('initrd-file');
  #bootMenuS = BOOT_MENU_S;
  #lastGuest: GuestName = 'mini';
  #hadMedia = false;

  /** `view` is what the console shows, for the link. */
  constructor(config: MachineConfig, autostart: boolean, private readonly cores: number,
    private readonly view: () => View, private readonly onChange: () => void) {
    const form = byId<HTMLFormElement>('machine');
    this.drives = new DrivesForm(() => this.#changed());
    this.#fill(config);
    this.#autostart.checked = autostart;
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('input', () => this.#changed());
    this.#guest.addEventListener('change', () => {
      this.#suggestMemory();
      this.#changed();
    });
    for (const [input, note] of [[this.#kernelFile, 'kernel-name'],
      [this.#initrdFile, 'initrd-name']] as const) {
      input.addEventListener('change', () => {
        const file = input.files?.[0];
        byId(note).textContent = file === undefined ? ''
          : `${file.name}, ${formatBytes(file.size)} (not part of the link)`;
        if (input === this.#kernelFile && file !== undefined) {
          this.#guest.value = 'custom';
          this.#suggestMemory();
        }
        this.#changed();
      });
    }
    byId('link').addEventListener('click', (event) => void this.#copyLink(event.currentTarget as HTMLButtonElement));
    this.#openIfNeeded();
  }

  get config(): MachineConfig {
    const checked = this.#smp.querySelector<HTMLInputElement>('input:checked');
    const menu = this.#bootMenu.checked ? `menu=${this.#bootMenuS}` : '';
    return {
      guest: GUESTS.find((name) => name === this.#guest.value) ?? 'mini',
      smp: Number(checked?.value ?? 1),
      ram: Number(this.#ram.value),
      cpu: CPU_MODELS.find((name) => name === this.#cpu.value) ?? 'v2',
      kernel: this.#kernel.value.trim(),
      initrd: this.#initrd.value.trim(),
      append: this.#append.value.replaceAll('\n', ' ').trim(),
      ...this.drives.values,
      boot: [this.#bootOrder.value, menu].filter((part) => part !== '').join(','),
    };
  }

  get files(): ChosenFiles {
    const files: ChosenFiles = this.drives.files;
    const [kernel] = this.#kernelFile.files ?? [];
    const [initrd] = this.#initrdFile.files ?? [];
    if (kernel !== undefined) files.kernel = kernel;
    if (initrd !== undefined) files.initrd = initrd;
    return files;
  }

  /** Writes the machine into the page's address. */
  writeLink(): void {
    history.replaceState(null, '', this.#query());
  }

  lock(locked: boolean): void {
    byId<HTMLFieldSetElement>('fields').disabled = locked;
    byId('locked').hidden = !locked;
  }

  /** The guest's own command line, to which the field is added. */
  showDefaultAppend(append: string | undefined): void {
    this.#append.placeholder = append === undefined || append === '' ? 'console=ttyS0' : `added to ${append}`;
  }

  /** A guest that this server does not have stays in the list, and says so. */
  showMissingGuest(name: GuestName, missing: boolean): void {
    const option = this.#guest.querySelector<HTMLOptionElement>(`option[value="${name}"]`);
    if (option === null) return;
    option.dataset.label ??= option.text;
    option.text = option.dataset.label + (missing ? ' (not on this server)' : '');
    option.disabled = missing && this.#guest.value !== name;
  }

  /** A medium was dropped on the page. */
  drop(file: File): void {
    this.drives.drop(file);
  }

  /** A guest brings its RAM along, unless the user has chosen another amount than the last guest's. */
  #suggestMemory(): void {
    const { guest } = this.config;
    if (Number(this.#ram.value) === defaultConfig(this.cores, this.#lastGuest).ram) {
      this.#ram.value = String(defaultConfig(this.cores, guest).ram);
    }
    this.#lastGuest = guest;
  }

  #fill(config: MachineConfig): void {
    this.#guest.replaceChildren(...GUESTS.map((name) => el('option', { value: name }, GUEST_TITLES[name])));
    this.#guest.value = config.guest;
    this.#lastGuest = config.guest;
    this.#cpu.value = config.cpu;
    this.#kernel.value = config.kernel;
    this.#initrd.value = config.initrd;
    this.#append.value = config.append;
    const counts = [...new Set([...CPU_CHOICES, config.smp])].sort((a, b) => a - b);
    this.#smp.replaceChildren(...counts.map((count) => el('label', {},
      el('input', { type: 'radio', name: 'smp', value: String(count), checked: count === config.smp }),
      el('span', {}, String(count)))));
    const sizes = [...new Set([...RAM_CHOICES, config.ram])].sort((a, b) => a - b);
    this.#ram.replaceChildren(
      ...sizes.map((size) => el('option', { value: String(size) }, formatMemory(size))));
    this.#ram.value = String(config.ram);
    this.drives.fill(config);
    this.#hadMedia = this.drives.used;
    const { order, menuS } = readBoot(config.boot);
    const known = BOOT_ORDERS.some(([value]) => value === order);
    this.#bootOrder.replaceChildren(
      ...[...BOOT_ORDERS, ...(known ? [] : [[order, orderLabel(order)] as const])]
      .map(([value, label]) => el('option', { value }, label)));
    this.#bootOrder.value = order;
    this.#bootMenu.checked = menuS > 0;
    if (menuS > 0) this.#bootMenuS = menuS;
  }

  #openIfNeeded(): void {
    const { guest, kernel, initrd, append, boot } = this.config;
    const { used, keeps } = this.drives;
    const nothing = guest === 'custom' && !used && kernel === '';
    if (nothing || kernel + initrd + append !== '') byId<HTMLDetailsElement>('boot').open = true;
    if (nothing || boot !== '' || used || keeps) byId<HTMLDetailsElement>('disks').open = true;
  }

  #changed(): void {
    // With the first medium that is put in, the machine starts from the media; the list can be set back.
    const { used } = this.drives;
    if (used && !this.#hadMedia && this.#guest.value === 'mini') {
      this.#guest.value = 'custom';
      this.#suggestMemory();
    }
    this.#hadMedia = used;
    this.#openIfNeeded();
    this.writeLink();
    this.onChange();
  }

  #query(): string {
    return toQuery(this.config, this.cores, this.#autostart.checked, this.view()) + location.hash;
  }

  async #copyLink(button: HTMLButtonElement): Promise<void> {
    const link = new URL(this.#query(), location.href).href;
    try {
      await navigator.clipboard.writeText(link);
      button.textContent = 'Copied';
    } catch {
      // No clipboard: the address bar then holds the link for copying by hand.
      history.replaceState(null, '', link);
      button.textContent = 'In the address bar';
    }
    setTimeout(() => { button.textContent = 'Copy link'; }, 2000);
  }
}
