// The terminal of the serial console: xterm with fitting, search and links, copy and paste by keyboard, and a
// way out for people who work without a mouse (Shift+Escape; Tab belongs to the guest). Loaded by terminal.ts
// behind the first screen; search when it is first wanted.

import { FitAddon } from '@xterm/addon-fit';
import type { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import type { ConsoleActions } from './terminal.ts';

const SCROLLBACK_LINES = 10_000;

const COLOURS = {
  background: '#17140f', foreground: '#e9e2d2', cursor: '#f0b64c', cursorAccent: '#17140f',
  selectionBackground: '#6b552f', black: '#2a251c', red: '#e0705c', green: '#9bbf6b', yellow: '#e3b55a',
  blue: '#7fa6d6', magenta: '#c792c9', cyan: '#77bfb4', white: '#d9d1bf', brightBlack: '#8a8170',
  brightRed: '#f08d79', brightGreen: '#b6d98a', brightYellow: '#f4ce82', brightBlue: '#a2c3ec',
  brightMagenta: '#dfb1e0', brightCyan: '#9adace', brightWhite: '#fbf6ea',
};

export class TerminalView {
  readonly #terminal: Terminal;
  readonly #fit = new FitAddon();
  #search: Promise<SearchAddon> | undefined;

  constructor(parent: HTMLElement, actions: ConsoleActions) {
    this.#terminal = new Terminal({
      fontFamily: 'ui-monospace, "Cascadia Mono", "JetBrains Mono", "SF Mono", Menlo, "DejaVu Sans Mono", monospace',
      fontSize: matchMedia('(max-width: 640px)').matches ? 11 : 13,
      lineHeight: 1.15, scrollback: SCROLLBACK_LINES, cursorBlink: true, theme: COLOURS,
        allowProposedApi: true,
    });
    for (const addon of [this.#fit, new WebLinksAddon()]) this.#terminal.loadAddon(addon);
    this.#terminal.open(parent);
    this.#terminal.textarea?.setAttribute('aria-label', 'Serial console of the guest. Shift+Escape leaves it.');
    this.#terminal.onData((data) => actions.onInput(data));
    this.#terminal.attachCustomKeyEventHandler((event) => this.#onKey(event, actions));
    new ResizeObserver(() => this.fit()).observe(parent);
    this.fit();
  }

  #onKey(event: KeyboardEvent, actions: ConsoleActions): boolean {
    if (event.type !== 'keydown') return true;
    if (event.key === 'Escape' && event.shiftKey) {
      actions.onLeave();
      return false;
    }
    if (event.ctrlKey && event.shiftKey && event.code === 'KeyC') {
      event.preventDefault();
      void this.copy();
      return false;
    }
    // Left to the browser, whose paste event xterm turns into input.
    return !(event.ctrlKey && event.shiftKey && event.code === 'KeyV');
  }

  write(bytes: Uint8Array): void {
    this.#terminal.write(bytes);
  }

  /** An empty console for the next machine. */
  clear(): void {
    this.#terminal.reset();
  }

  focus(): void {
    this.#terminal.focus();
  }

  fit(): void {
    // A hidden parent has no size to fit into.
    if (this.#terminal.element?.offsetParent != null) this.#fit.fit();
  }

  async #loadSearch(): Promise<SearchAddon> {
    const { SearchAddon } = await import('@xterm/addon-search');
    const search = new SearchAddon();
    this.#terminal.loadAddon(search);
    return search;
  }

  async find(text: string, backwards: boolean): Promise<void> {
    this.#search ??= this.#loadSearch();
    const search = await this.#search;
    if (backwards) search.findPrevious(text);
    else search.findNext(text);
  }

  /** Copies the selection, or the whole text if nothing is selected; resolves with what it did. */
  async copy(): Promise<'selection' | 'everything'> {
    const selected = this.#terminal.hasSelection();
    await navigator.clipboard.writeText(selected ? this.#terminal.getSelection() : this.text());
    return selected ? 'selection' : 'everything';
  }

  /** All lines, wrapped ones joined. */
  text(): string {
    const { active } = this.#terminal.buffer;
    let out = '';
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row);
      if (line === undefined) continue;
      out += line.isWrapped || row === 0 ? line.translateToString(true) : `\n${line.translateToString(true)}`;
    }
    return out.trimEnd();
  }

  setScreenReader(on: boolean): void {
    this.#terminal.options.screenReaderMode = on;
  }
}
