// Which of the machine's two faces the console shows: the serial terminal, the screen, or both side by side.

import { byId } from './dom.ts';

export const VIEWS = ['serial', 'screen', 'both'] as const;
export type View = (typeof VIEWS)[number];

export class Views {
  #view: View = 'serial';

  constructor(view: View, private readonly onChange: (view: View) => void) {
    for (const name of VIEWS) {
      const tab = byId(`view-${name}`);
      tab.addEventListener('click', () => this.select(name));
      tab.addEventListener('keydown', (event) => this.#onKey(event, name));
    }
    this.select(view);
  }

  get view(): View {
    return this.#view;
  }

  select(view: View): void {
    this.#view = view;
    for (const name of VIEWS) {
      const tab = byId(`view-${name}`);
      tab.setAttribute('aria-selected', String(name === view));
      tab.tabIndex = name === view ? 0 : -1;
    }
    byId('terminal').hidden = view === 'screen';
    byId('screen').hidden = view === 'serial';
    byId('terminal-bar').hidden = view === 'screen';
    byId('screen-bar').hidden = view === 'serial';
    this.onChange(view);
  }

  /** Arrow keys move between tabs (WAI-ARIA tabs pattern). */
  #onKey(event: KeyboardEvent, from: View): void {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    const next = VIEWS[(VIEWS.indexOf(from) + step + VIEWS.length) % VIEWS.length] as View;
    this.select(next);
    byId(`view-${next}`).focus();
  }
}
