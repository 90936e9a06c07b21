// The interactive console: standard input in raw mode goes to the guest, except for the escape Ctrl-A: Ctrl-A
// x leaves, Ctrl-A Ctrl-A types one Ctrl-A.

const CTRL_A = 0x01;
const KEY_X = 'x'.charCodeAt(0);

export class EscapeFilter {
  private escaped = false;
  constructor(private readonly type: (bytes: Uint8Array) => void, private readonly leave: () => void) {}

  feed(bytes: Uint8Array): void {
    const out: number[] = [];
    for (const byte of bytes) {
      if (this.escaped) {
        this.escaped = false;
        if (byte === KEY_X) {
          if (out.length > 0) this.type(Uint8Array.from(out));
          this.leave();
          return;
        }
        if (byte !== CTRL_A) out.push(CTRL_A);
        out.push(byte);
      } else if (byte === CTRL_A) {
        this.escaped = true;
      } else {
        out.push(byte);
      }
    }
    if (out.length > 0) this.type(Uint8Array.from(out));
  }
}

/** Connects standard input; returns what disconnects it. */
export function openTerminal(type: (bytes: Uint8Array) => void, leave: () => void): () => void {
  const { stdin } = process;
  const filter = stdin.isTTY ? new EscapeFilter(type, leave) : undefined;
  const onData = (bytes: Uint8Array): void => { (filter === undefined ? type(bytes) : filter.feed(bytes)); };
  if (stdin.isTTY) stdin.setRawMode(true);
  stdin.on('data', onData);
  stdin.resume();
  return () => {
    stdin.off('data', onData);
    if (stdin.isTTY) stdin.setRawMode(false);
    stdin.pause();
  };
}
