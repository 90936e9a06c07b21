// The machine form. The form is the truth about the next machine; every change is written into the page's
// address.

import {
  CPU_CHOICES, CPU_MODELS, defaultConfig, GUEST_TITLES, GUESTS, RAM_CHOICES, toQuery,
  type GuestName, type MachineConfig,
} from './config.ts';
import { byId, el } from './dom.ts';
import { formatBytes, formatMemory } from './format.ts';
import type { ChosenFiles } from './machine.ts';

export class MachineForm {
  readonly #guest = byId<HTMLSelectElement>('guest');
  #lastGuest: GuestName = 'mini';
  readonly #smp = byId('smp');
  readonly #ram = byId<HTMLSelectElement>('ram');
  readonly #cpu = byId<HTMLSelectElement>('cpu');
  readonly #kernel = byId<HTMLInputElement>('kernel');
  readonly #initrd = byId<HTMLInputElement>('initrd');
  readonly #append = byId<HTMLTextAreaElement>('append');
  readonly #autostart = byId<HTMLInputElement>('autostart');
  readonly #kernelFile = byId<HTMLInputElement>('kernel-file');
  readonly #initrdFile = byId<HTMLInputElement>('initrd-file');

  constructor(config: MachineConfig, autostart: boolean, private readonly cores: number,
    private readonly onChange: () => void) {
    const form = byId<HTMLFormElement>('machine');
    this.#fill(config);
    this.#autostart.checked = autostart;
    form.addEventListener('submit', (event) => event.preventDefault());
    this.#guest.addEventListener('input', () => this.#suggestMemory());
    form.addEventListener('input', () => this.#changed());
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
    this.#openBootIfNeeded();
  }

  get config(): MachineConfig {
    const checked = this.#smp.querySelector<HTMLInputElement>('input:checked');
    return {
      guest: GUESTS.find((name) => name === this.#guest.value) ?? 'mini',
      smp: Number(checked?.value ?? 1),
      ram: Number(this.#ram.value),
      cpu: CPU_MODELS.find((name) => name === this.#cpu.value) ?? 'v2',
      kernel: this.#kernel.value.trim(),
      initrd: this.#initrd.value.trim(),
      append: this.#append.value.replaceAll('\n', ' ').trim(),
    };
  }

  get files(): ChosenFiles {
    return { kernel: this.#kernelFile.files?.[0], initrd: this.#initrdFile.files?.[0] };
  }

  lock(locked: boolean): void {
    byId<HTMLFieldSetElement>('fields').disabled = locked;
    byId('locked').hidden = !locked;
  }

  /** The guest's own command line, to which the field is added. */
  showDefaultAppend(append: string | undefined): void {
    this.#append.placeholder = append === undefined ? 'console=ttyS0' : `added to ${append}`;
  }

  /** A guest brings its RAM along, unless the user has chosen another amount than the last guest's. */
  #suggestMemory(): void {
    const { guest, ram } = this.config;
    const chosen = ram !== defaultConfig(this.cores, this.#lastGuest).ram;
    this.#lastGuest = guest;
    if (!chosen) this.#ram.value = String(defaultConfig(this.cores, guest).ram);
  }

  #fill(config: MachineConfig): void {
    this.#lastGuest = config.guest;
    this.#guest.replaceChildren(...GUESTS.map((name) => el('option', { value: name }, GUEST_TITLES[name])));
    this.#guest.value = config.guest;
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
  }

  #openBootIfNeeded(): void {
    const { guest, kernel, initrd, append } = this.config;
    if (guest === 'custom' || kernel + initrd + append !== '') byId<HTMLDetailsElement>('boot').open = true;
  }

  #changed(): void {
    this.#openBootIfNeeded();
    history.replaceState(null, '', this.#query());
    this.onChange();
  }

  #query(): string {
    return toQuery(this.config, this.cores, this.#autostart.checked) + location.hash;
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
