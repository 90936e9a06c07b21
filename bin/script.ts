// A scripted console session: waits for expressions and types, in order (product rules: an expression sees
// the output since the previous match; a send after the last expression waits for the machine's end).

import type { ScriptStep } from './args.ts';
import { ConsoleText } from './console-text.ts';

export interface Match { pattern: string; ms: number }

/**
 * Output kept for an expression that does not come: enough for any screen, little enough to search again and
 * again.
 */
const MAX_TEXT = 1 << 20;

export class Script {
  readonly matches: Match[] = [];
  private readonly console = new ConsoleText();
  private text = '';
  private next = 0;

  constructor(private readonly steps: readonly ScriptStep[], private readonly type: (text: string) => void,
    private readonly now: () => number) {}

  /** The expression being waited for. */
  get waitingFor(): string | undefined {
    const step = this.steps[this.next];
    return step?.kind === 'until' ? step.pattern : undefined;
  }

  /** All steps done. */
  get done(): boolean {
    return this.next >= this.steps.length;
  }

  /** True when the session ends with the last expression, not with the machine. */
  get endsWithMatch(): boolean {
    return this.steps.at(-1)?.kind === 'until';
  }

  /** Runs steps as far as the output allows; call once with no bytes to start. */
  feed(bytes: Uint8Array): void {
    this.text = (this.text + this.console.add(bytes)).slice(-MAX_TEXT);
    for (; !this.done; this.next++) {
      const step = this.steps[this.next] as ScriptStep;
      if (step.kind === 'send') {
        this.type(step.text);
        continue;
      }
      const found = step.regex.exec(this.text);
      if (found === null) return;
      this.text = this.text.slice(found.index + found[0].length);
      this.matches.push({ pattern: step.pattern, ms: Math.round(this.now()) });
    }
  }
}
