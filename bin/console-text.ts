// Serial output as text for expressions: UTF-8 decoded, terminal control sequences removed (ECMA-48 CSI, OSC
// and two-byte escapes), also when a sequence is cut by the end of a chunk.

const SEQUENCE = /\x1B(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1B]*(?:\x07|\x1B\\)|[ -/]*[0-Z\\^-~])/g;
/** The beginning of a sequence that the next chunk may complete. */
const UNFINISHED = /\x1B(?:\[[0-?]*[ -/]*|\][^\x07\x1B]*\x1B?|[ -/]*)$/;
/** An unfinished sequence longer than this is text. */
const MAX_PENDING = 256;

export class ConsoleText {
  private readonly decoder = new TextDecoder();
  private pending = '';

  /** The readable text that these bytes add. */
  add(bytes: Uint8Array): string {
    const text = this.pending + this.decoder.decode(bytes, { stream: true });
    const start = UNFINISHED.exec(text)?.index ?? text.length;
    const cut = text.length - start > MAX_PENDING ? text.length : start;
    this.pending = text.slice(cut);
    return text.slice(0, cut).replace(SEQUENCE, '');
  }
}
