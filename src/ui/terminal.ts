// The serial console as the page knows it. The terminal itself (terminal-view.ts) is half of the page's
// script and comes behind the first screen; what happens before is kept for it.

import type { TerminalView } from './terminal-view.ts';

export interface ConsoleActions {
  onInput(data: string): void;
  /** The user wants the keyboard back. */
  onLeave(): void;
}

export class Console {
  readonly #view: Promise<TerminalView>;
  #terminal: TerminalView | undefined;
  /** Output that came before the terminal. */
  #early: Uint8Array[] = [];
  #wantsFocus = false;
  #screenReader = false;

  constructor(parent: HTMLElement, actions: ConsoleActions) {
    this.#view = import('./terminal-view.ts').then(({ TerminalView }) => {
      this.#terminal = new TerminalView(parent, actions);
      this.#begin(this.#terminal);
      return this.#terminal;
    });
  }

  #begin(terminal: TerminalView): void {
    terminal.setScreenReader(this.#screenReader);
    for (const bytes of this.#early) terminal.write(bytes);
    this.#early = [];
    // Whoever types elsewhere by now goes on there.
    if (this.#wantsFocus
      && document.activeElement?.matches('input, textarea, select') !== true) terminal.focus();
  }

  write(bytes: Uint8Array): void {
    if (this.#terminal === undefined) this.#early.push(bytes);
    else this.#terminal.write(bytes);
  }

  /** An empty console for the next machine. */
  clear(): void {
    this.#early = [];
    this.#terminal?.clear();
  }

  focus(): void {
    this.#wantsFocus = true;
    this.#terminal?.focus();
  }

  fit(): void {
    this.#terminal?.fit();
  }

  async find(text: string, backwards: boolean): Promise<void> {
    await (await this.#view).find(text, backwards);
  }

  /** Copies the selection, or the whole text if nothing is selected; resolves with what it did. */
  async copy(): Promise<'selection' | 'everything'> {
    return (await this.#view).copy();
  }

  setScreenReader(on: boolean): void {
    this.#screenReader = on;
    this.#terminal?.setScreenReader(on);
  }
}
