// Entry of the page: reads the link, makes sure that the browser can do it, and connects form, buttons,
// console and live panel with the machine.

import './style.css';
import {
  DRIVES, GUEST_TITLES, parseParameters, type ChosenFiles, type GuestName, type MachineConfig,
} from './config.ts';
import { prepare } from '../api/index.ts';
import { DiskPanel } from './disk-panel.ts';
import { byId, el } from './dom.ts';
import { missingFeature } from './features.ts';
import { MachineForm } from './form.ts';
import { formatBytes, formatMemory, plural } from './format.ts';
import { ensureIsolation } from './isolation.ts';
import { KeptPanel } from './kept-panel.ts';
import { LivePanel } from './live-panel.ts';
import { ProfilePanel } from './profile-panel.ts';
import { loadManifest, Machine, type GuestManifest, type Phase } from './machine.ts';
import { toMessage, type Message } from './messages.ts';
import { ScreenView } from './screen.ts';
import { Console } from './terminal.ts';
import { bindTheme } from './theme.ts';
import { Views } from './views.ts';

const PHASE_WORDS: Record<Phase, string> = {
  off: 'off', loading: 'loading', running: 'running', paused: 'paused', ended: 'ended', failed: 'failed',
};

/** Guests that `npm run guest` prepares. */
const OUR_GUESTS = ['mini', 'debian13'] as const satisfies readonly GuestName[];

class Page {
  readonly #cores = navigator.hardwareConcurrency || 2;
  readonly #parameters = parseParameters(location.search, this.#cores);
  readonly #console: Console;
  readonly #screen: ScreenView;
  readonly #views: Views;
  readonly #machine: Machine;
  readonly #live: LivePanel;
  readonly #disks: DiskPanel;
  readonly #kept = new KeptPanel((error) => showMessage(toMessage(error)));
  readonly #form: MachineForm;
  readonly #manifests = new Map<GuestName, GuestManifest>();
  #usable = false;

  constructor() {
    this.#machine = new Machine({
      onPhase: (phase, detail) => this.#onPhase(phase, detail),
      onProgress: (file, loaded, total) => showProgress(file, loaded, total),
      onSerial: (bytes) => this.#console.write(bytes),
      onError: (error) => showMessage(toMessage(error)),
    });
    this.#console = new Console(byId('terminal'), {
      onInput: (data) => void this.#machine.write(data),
      onLeave: () => byId(this.#machine.active ? 'pause' : 'start').focus(),
    });
    this.#screen = new ScreenView({
      onLeave: () => byId(this.#machine.active ? 'pause' : 'start').focus(),
      onError: (error) => showMessage(toMessage(error)),
    });
    this.#views = new Views(this.#parameters.view, (view) => {
      this.#screen.show(view !== 'serial');
      this.#console.fit();
      // The first call comes while the page is built and has no form yet.
      (this.#form as MachineForm | undefined)?.writeLink();
    });
    this.#disks = new DiskPanel({
      show: showMessage, hide: hideMessage, onError: (error) => showMessage(toMessage(error)),
      pause: () => this.#machine.hold(),
    });
    this.#live = new LivePanel(() => {
      const stats = this.#machine.stats();
      if (stats !== undefined) this.#disks.update(stats.drives);
      return stats;
    });
    new ProfilePanel(() => this.#machine.profile());
    this.#form = new MachineForm(this.#parameters.config, this.#parameters.autostart, this.#cores,
      () => this.#views.view, () => this.#describe());
    bindTheme(byId<HTMLButtonElement>('theme'), () => this.#live.recolour());
    this.#bindControls();
    this.#bindConsoleBar();
    this.#bindDrop();
    this.#describe();
  }

  async open(): Promise<void> {
    const missing = missingFeature() ?? await ensureIsolation();
    if (missing !== undefined) {
      showMessage(missing);
      byId('invite-text').textContent = missing.title;
      return;
    }
    this.#usable = true;
    this.#onPhase('off');
    prepare();
    const guests = this.#findGuests();
    const { problems, autostart } = this.#parameters;
    if (autostart && problems.length === 0) await this.#start();
    await guests;
    if (problems.length > 0) {
      showMessage({
        title: problems.length === 1 ? 'The link has a value that cannot be used' : 'The link has values that cannot be used',
        text: problems.join(' '), remedy: 'The default is set in its place: check the machine and press Start.',
      });
    }
  }

  /** Looks which guests this server has. */
  async #findGuests(): Promise<void> {
    await Promise.all(OUR_GUESTS.map(async (name) => {
      try {
        this.#manifests.set(name, await loadManifest(name));
        this.#form.showMissingGuest(name, false);
      } catch (error) {
        this.#form.showMissingGuest(name, true);
        // Nothing is missing for those who bring their own.
        if (this.#form.config.guest === name) showMessage(toMessage(error));
      }
    }));
    this.#describe();
  }

  #describe(): void {
    const { config, files } = this.#form;
    const manifest = this.#manifests.get(config.guest);
    const guest = byId('summary-guest');
    guest.textContent = guestTitle(config, files);
    guest.title = manifest?.title ?? '';
    byId('summary-cpus').textContent = plural(config.smp, 'CPU');
    byId('summary-ram').textContent = `${formatMemory(config.ram)} RAM`;
    this.#form.showDefaultAppend(manifest?.append);
    this.#form.drives.setGuestDisk(manifest?.disk !== undefined);
    if (this.#machine.phase === 'off' && this.#usable) byId('invite-text').textContent = inviteText(config, manifest);
  }

  async #start(): Promise<void> {
    hideMessage();
    this.#console.clear();
    byId('loading-rows').replaceChildren();
    const { config, files } = this.#form;
    await this.#machine.start(config, files, (name) => this.#manifests.get(config.guest)?.files[name]?.bytes);
  }

  #bindControls(): void {
    const on = (id: string, action: () => Promise<void>): void =>
      byId(id).addEventListener('click', () => void action().catch((error: unknown) => showMessage(toMessage(error))));
    on('start', () => this.#start());
    on('invite-start', () => this.#start());
    on('pause', () => (this.#machine.phase === 'paused' ? this.#machine.resume() : this.#machine.pause()));
    on('reset', () => this.#machine.reset());
    on('power', () => this.#machine.powerButton());
    on('stop', () => this.#machine.stop());
    byId('message-close').addEventListener('click', () => hideMessage());
    byId('try').addEventListener('click', () => {
      this.#machine.write(`${byId('try').textContent ?? ''}\n`);
      this.#console.focus();
    });
  }

  /** Files dropped anywhere on the page; a drive's own row takes its own. */
  #bindDrop(): void {
    const set = (on: boolean): void => {
      document.body.classList.toggle('dropping', on && !this.#machine.active);
    };
    document.addEventListener('dragover', (event) => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault();
      set(true);
    });
    document.addEventListener('dragleave', (event) => { if (event.relatedTarget === null) set(false); });
    document.addEventListener('drop', (event) => {
      set(false);
      const files = [...event.dataTransfer?.files ?? []];
      if (files.length === 0) return;
      // Without this the browser would leave the page for the file.
      event.preventDefault();
      if (!this.#machine.active) files.forEach((file) => this.#form.drop(file));
    });
  }

  #bindConsoleBar(): void {
    const find = byId<HTMLFormElement>('find');
    const text = byId<HTMLInputElement>('find-text');
    const openFind = byId<HTMLButtonElement>('find-open');
    openFind.addEventListener('click', () => {
      find.hidden = !find.hidden;
      openFind.setAttribute('aria-expanded', String(!find.hidden));
      if (!find.hidden) text.focus();
    });
    find.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#console.find(text.value, true);
    });
    byId('find-next').addEventListener('click', () => void this.#console.find(text.value, false));
    const copy = byId<HTMLButtonElement>('copy');
    copy.addEventListener('click', () => void this.#console.copy().then(
      (what) => flash(copy, what === 'selection' ? 'Copied' : 'Copied all'),
      () => flash(copy, 'Not allowed')));
    const reader = byId<HTMLButtonElement>('reader');
    reader.addEventListener('click', () => {
      const wanted = reader.getAttribute('aria-pressed') !== 'true';
      reader.setAttribute('aria-pressed', String(wanted));
      this.#console.setScreenReader(wanted);
    });
    byId('full').addEventListener('click', () => {
      if (document.fullscreenElement !== null) void document.exitFullscreen();
      else if (this.#views.view === 'screen') void this.#screen.fullScreen();
      else void byId('console').requestFullscreen();
    });
  }

  #onPhase(phase: Phase, detail?: string): void {
    const state = byId('state');
    state.dataset.phase = phase;
    state.textContent = detail ?? PHASE_WORDS[phase];
    const alive = phase === 'running' || phase === 'paused';
    const enable = (id: string, enabled: boolean): void => { byId<HTMLButtonElement>(id).disabled = !enabled;
      };
    enable('start', this.#usable && !this.#machine.active);
    enable('invite-start', this.#usable && !this.#machine.active);
    for (const id of ['pause', 'reset']) enable(id, alive);
    enable('power', phase === 'running');
    enable('stop', this.#machine.active);
    enable('try', phase === 'running');
    byId('pause').textContent = phase === 'paused' ? 'Resume' : 'Pause';
    byId('start').textContent = phase === 'ended' || phase === 'failed' ? 'Start again' : 'Start';
    this.#form.lock(this.#machine.active);
    byId('overlay').hidden = !(phase === 'off' || phase === 'loading');
    byId('invite').hidden = phase !== 'off';
    byId('loading').hidden = phase !== 'loading';
    if (phase === 'loading') {
      byId('live').hidden = false;
      this.#live.begin(this.#form.config.smp);
    }
    if (phase === 'running') {
      this.#live.resume();
      if (this.#machine.vm !== undefined) {
        this.#screen.attach(this.#machine.vm);
        this.#disks.attach(this.#machine.vm);
      }
      if (this.#views.view === 'screen') this.#screen.focus();
      else this.#console.focus();
    }
    if (phase === 'loading') this.#screen.detach();
    if (!alive && phase !== 'loading' || phase === 'paused') this.#live.pause();
    if (!alive) this.#disks.end();
    if (phase !== 'loading' && this.#usable) void this.#kept.refresh();
    if (phase === 'off') this.#describe();
  }
}

function guestTitle(config: MachineConfig, files: ChosenFiles): string {
  if (config.guest !== 'custom') return GUEST_TITLES[config.guest];
  return config.kernel !== '' || files.kernel !== undefined ? 'Your own kernel' : 'Your own disks';
}

function inviteText(config: MachineConfig, manifest: GuestManifest | undefined): string {
  const cpus = `${plural(config.smp, 'CPU')}, each a thread of this tab`;
  if (config.guest === 'custom') {
    const media = DRIVES.some((name) => config[name] !== '');
    return `Boots ${media ? 'what you give it' : 'the kernel or the disk that you choose'} on ${cpus}.`;
  }
  const version = /^\d+(\.\d+)*/.exec(manifest?.kernelVersion ?? '')?.[0] ?? '';
  const size = manifest === undefined ? '' : ` ${downloadText(manifest)}`;
  const what = config.guest === 'debian13' ? `Debian 13 with Linux ${version}` : `Linux ${version} as Debian ships it`;
  return `${what}, on ${cpus}.${size}`.replace('  ', ' ');
}

/** A disk comes piece by piece, as the guest reads it. */
function downloadText({ bytes, bootBytes, disk }: GuestManifest): string {
  if (bootBytes === undefined && disk !== undefined) return `Its disk comes piece by piece; all of it are ${formatBytes(bytes)}.`;
  if (bootBytes === undefined) return `${formatBytes(bytes)} to load.`;
  return `${formatBytes(bootBytes)} to load until the login prompt; ${formatBytes(bytes)} are all of it.`;
}

function flash(button: HTMLButtonElement, text: string): void {
  button.dataset.text ??= button.textContent ?? '';
  button.textContent = text;
  setTimeout(() => { button.textContent = button.dataset.text ?? ''; }, 1500);
}

/** `about`: what the message is about, where it may become void. */
function showMessage(message: Message, about = ''): void {
  byId('message').dataset.about = about;
  byId('message-title').textContent = message.title;
  byId('message-text').textContent = message.text;
  byId('message-remedy').textContent = message.remedy;
  byId('message').hidden = false;
}

/** Any message, or only one about that. */
function hideMessage(about?: string): void {
  const message = byId('message');
  if (about === undefined || message.dataset.about === about) message.hidden = true;
}

function showProgress(file: string, loaded: number, total: number): void {
  const rows = byId('loading-rows');
  let row = rows.querySelector<HTMLElement>(`[data-file="${file}"]`);
  if (row === null) {
    row = el('div', { className: 'progress', 'data-file': file },
      el('span', { className: 'progress-name' }, file), el('progress', { 'aria-label': file }),
      el('span', { className: 'progress-bytes' }));
    rows.append(row);
  }
  const bar = row.querySelector('progress');
  if (bar !== null && total > 0) {
    bar.max = total;
    bar.value = loaded;
  }
  const bytes = row.querySelector('.progress-bytes');
  if (bytes !== null) bytes.textContent = total > 0 ? `${formatBytes(loaded)} of ${formatBytes(total)}` : formatBytes(loaded);
}

const page = new Page();
window.addEventListener('error', (event) => showMessage(toMessage(event.error ?? event.message)));
window.addEventListener('unhandledrejection', (event) => showMessage(toMessage(event.reason)));
await page.open();
