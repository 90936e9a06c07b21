// The profile in the live panel: sampling is on while its section is open (docs/profile.md).

import type { MachineProfile } from '../api/index.ts';
import { byId } from './dom.ts';

const REFRESH_MS = 2000;
/** Entries of each table. */
const TOP = 12;

export class ProfilePanel {
  #timer: ReturnType<typeof setInterval> | undefined;
  readonly #details = byId<HTMLDetailsElement>('profile');
  readonly #text = byId('profile-text');

  constructor(private readonly profile: () => MachineProfile | undefined) {
    this.#details.addEventListener('toggle', () => this.#toggle());
  }

  #toggle(): void {
    clearInterval(this.#timer);
    this.profile()?.stop();
    if (!this.#details.open) return;
    this.#text.textContent = 'Sampling …';
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
    profile.text(TOP).then((text) => { this.#text.textContent = text; },
      (error: unknown) => { this.#text.textContent = String(error); });
  }
}
