// The profile in the live panel: sampling is on while its section is open (docs/profile.md). It shows what
// `skep boot --profile` prints, and saves the same report as a file.

import type { MachineProfile, ProfileRow, ProfileTable } from '../api/index.ts';
import { byId, el } from './dom.ts';

const REFRESH_MS = 2000;
/** Entries of each table. */
const TOP = 12;

export class ProfilePanel {
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #details = byId<HTMLDetailsElement>('profile');
  readonly #summary = byId('profile-summary');
  readonly #tables = byId('profile-tables');
  readonly #save = byId<HTMLButtonElement>('profile-save');
  /** Of the last look: what is saved. */
  #shown: MachineProfile | undefined;

  constructor(private readonly profile: () => MachineProfile | undefined) {
    this.#details.addEventListener('toggle', () => this.#toggle());
    this.#save.addEventListener('click', () => void this.#saveReport());
  }

  #toggle(): void {
    clearInterval(this.#timer);
    this.profile()?.stop();
    if (!this.#details.open) return;
    const state = this.profile() === undefined ? 'No machine is running.' : 'Sampling …';
    this.#summary.replaceChildren(el('p', {}, state));
    this.#tables.replaceChildren();
    this.#save.disabled = true;
    this.#look();
    this.#timer = setInterval(() => this.#look(), REFRESH_MS);
  }

  /** A machine made since the last look is not sampled yet; one that has ended keeps what it had. */
  #look(): void {
    const profile = this.profile();
    if (profile === undefined || document.hidden) return;
    if (!profile.running) {
      profile.start();
      return;
    }
    profile.tables(TOP).then(({ summary, tables }) => {
      this.#summary.replaceChildren(...summary.map((line) => el('p', {}, line)));
      this.#tables.replaceChildren(...tables.map(tableOf));
      this.#shown = profile;
      this.#save.disabled = false;
    }, (error: unknown) => { this.#summary.textContent = String(error); });
  }

  /** The whole report, as `--profile FILE` writes it. */
  async #saveReport(): Promise<void> {
    if (this.#shown === undefined) return;
    const text = `${JSON.stringify(await this.#shown.read(), null, 2)}\n`;
    const href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    el('a', { href, download: 'skep-profile.json' }).click();
    setTimeout(() => URL.revokeObjectURL(href), REFRESH_MS);
  }
}

function tableOf({ title, columns, rows }: ProfileTable): HTMLElement {
  const shares = rows.some(({ share }) => share !== undefined) ? ['share'] : [];
  const heads = ['', ...shares, ...columns].map((text) => el('th', { scope: 'col' }, text));
  return el('table', { className: 'profile-table' }, el('caption', {}, title),
    el('thead', {}, el('tr', {}, ...heads)), el('tbody', {}, ...rows.map(rowOf)));
}

function rowOf({ name, share, figures }: ProfileRow): HTMLElement {
  const first = el('th', { scope: 'row', title: name }, el('span', {}, name));
  const cells = share === undefined ? figures : [`${(100 * share).toFixed(1)} %`, ...figures];
  // The row's own background is its bar.
  const row = el('tr', {}, first, ...cells.map((text) => el('td', {}, text)));
  if (share !== undefined) row.style.setProperty('--share', `${(100 * share).toFixed(1)}%`);
  return row;
}
