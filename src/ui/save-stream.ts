// A stream of bytes into a file of the user's: straight to the disk where the browser has a save dialog,
// otherwise through Blobs, which browsers keep outside of the page's memory, and a download.

interface SaveDialog {
  showSaveFilePicker?(options: { suggestedName: string }): Promise<FileSystemFileHandle>;
}

/** Pieces that are made one Blob before more are taken. */
const BLOB_BYTES = 32 << 20;

export interface Sink {
  /** Takes all of the stream; rejects when the signal aborts. */
  take(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void>;
}

/** Asks where to; call it from a click. Undefined when the user changes their mind. */
export async function openSink(suggestedName: string): Promise<Sink | undefined> {
  const dialog = window as SaveDialog;
  if (dialog.showSaveFilePicker === undefined) return { take: (stream, signal) =>
    download(suggestedName, stream, signal) };
  try {
    const handle = await dialog.showSaveFilePicker({ suggestedName });
    return { take: async (stream, signal) => stream.pipeTo(await handle.createWritable(), { signal }) };
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return undefined;
    throw error;
  }
}

async function download(name: string, stream: ReadableStream<Uint8Array>,
  signal: AbortSignal): Promise<void> {
  const blobs: Blob[] = [];
  let parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  await stream.pipeTo(new WritableStream({
    write(part) {
      parts.push(part as Uint8Array<ArrayBuffer>);
      bytes += part.length;
      if (bytes < BLOB_BYTES) return;
      blobs.push(new Blob(parts));
      parts = [];
      bytes = 0;
    },
  }), { signal });
  const address = URL.createObjectURL(new Blob([...blobs, ...parts], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The download has taken hold of it by then.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Counts what passes. */
export function counted(stream: ReadableStream<Uint8Array>,
  onBytes: (bytes: number) => void): ReadableStream<Uint8Array> {
  let bytes = 0;
  return stream.pipeThrough(new TransformStream<Uint8Array, Uint8Array>({
    transform(part, controller) {
      bytes += part.length;
      onBytes(bytes);
      controller.enqueue(part);
    },
  }));
}
