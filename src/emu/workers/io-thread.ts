// The life of the I/O worker: instantiate the core, open the drives, then serve the block requests that the
// chips post, and the host's messages, from one event loop. It sleeps in Atomics.waitAsync; where that is
// missing it blocks for a few milliseconds at a time, and messages come between.

import type { BlockDevice, DriveConfig } from '../disk/block-device.ts';
import { openDrive, type DiskHost } from '../disk/open.ts';
import { BlockService, type BlockCore } from '../disk/service.ts';
import { CONTROL, Control } from '../generated-layout.ts';
import type { IoReply, IoRequest } from '../platform.ts';
import { instantiate } from './core-thread.ts';

export interface IoPort {
  post(message: IoReply, transfer?: unknown[]): void;
  onMessage(handler: (message: IoRequest) => void): void;
}

const BLOCK_MS = 4;
/** How often downloads are told. */
const DOWNLOAD_MS = 250;
type WaitAsync = (words: Int32Array, index: number, value: number) => { value: Promise<string> | string };

/** A turn of the event loop that also lets messages in (a promise alone would not). */
function yieldToMessages(): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, 0); });
}

/** Serves the ring until the thread ends. */
async function serve(service: BlockService, words: Int32Array): Promise<never> {
  const index = (CONTROL + Control.BLOCK_WAKE) >> 2;
  const { waitAsync } = Atomics as unknown as { waitAsync?: WaitAsync };
  for (;;) {
    const seen = Atomics.load(words, index);
    service.pump();
    if (waitAsync !== undefined) {
      await waitAsync(words, index, seen).value;
    } else {
      Atomics.wait(words, index, seen, BLOCK_MS);
      await yieldToMessages();
    }
  }
}

/** Tells how much of the images that come over a network has come. */
class Downloads {
  private readonly told = new Map<number, { name: string; device: BlockDevice; bytes: number }>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly port: IoPort) {}

  watch({ position, name }: DriveConfig, device: BlockDevice | undefined): void {
    this.told.delete(position);
    if (device?.download === undefined) return;
    this.told.set(position, { name, device, bytes: -1 });
    this.timer ??= setInterval(() => this.tell(), DOWNLOAD_MS);
    this.tell();
  }

  private tell(): void {
    for (const [drive, entry] of this.told) {
      const { bytes, total } = entry.device.download ?? { bytes: 0, total: 0 };
      if (bytes === entry.bytes) continue;
      entry.bytes = bytes;
      this.port.post({ kind: 'disk', event: { kind: 'download', drive, name: entry.name, bytes, total } });
    }
  }
}

export function serveIoThread(port: IoPort, host: DiskHost = {}): void {
  const downloads = new Downloads(port);
  let service: BlockService | undefined;
  let words: Int32Array | undefined;
  const crash = (error: unknown): void => port.post({ kind: 'failed', message: String(error) });

  const open = async (drive: DriveConfig): Promise<BlockDevice | undefined> => {
    const { position, name } = drive;
    const device = await openDrive(drive, { ...host, onRetry: (message) =>
      port.post({ kind: 'disk', event: { kind: 'retry', drive: position, name, message } }) });
    downloads.watch(drive, device);
    return device;
  };

  const execute = async (request: IoRequest): Promise<void | Uint8Array> => {
    if (request.kind === 'init') {
      const core = instantiate(request,
        { post: (message) => port.post(message as IoReply) }) as unknown as BlockCore & { ioInit(): void };
      core.ioInit();
      words = new Int32Array(request.memory.buffer);
      service = new BlockService(request.memory, core, {
        onError: (drive, name, message) =>
          port.post({ kind: 'disk', event: { kind: 'error', drive, name, message } }),
        onEject: (drive) => port.post({ kind: 'disk', event: { kind: 'eject', drive } }),
      });
      return;
    }
    if (service === undefined || words === undefined) throw new Error('I/O thread used before init');
    switch (request.kind) {
      case 'plug': service.plug(request.drive, await open(request.drive)); break;
      case 'change': await service.change(request.drive, await open(request.drive)); break;
      case 'read': return service.read(request.position, request.offset, request.bytes);
      case 'serve': void serve(service, words).catch(crash); break;
      case 'bury':
        if (!service.bury()) throw new Error('it died while it told a chip');
        break;
      case 'hold': service.hold(); break;
      case 'resume': service.resume(); break;
      case 'close': await service.close(); break;
    }
  };

  let tail = Promise.resolve();
  port.onMessage((request) => {
    tail = tail.then(() => execute(request)).then((data) => {
      if (data === undefined) port.post({ kind: 'done' });
      else port.post({ kind: 'done', data }, [data.buffer]);
    }, (error: unknown) => {
      if (request.kind === 'read') {
        port.post({ kind: 'refused', sentence: `The disk could not be read: ${(error as Error).message}.` });
        return;
      }
      if (!('drive' in request)) {
        crash(error);
        return;
      }
      const what = request.drive.type === 'cdrom' ? 'disc' : 'disk';
      port.post({ kind: 'refused', sentence: `The ${what} image ${request.drive.name} cannot be used: ${
        error instanceof Error ? error.message : String(error)}.` });
    });
  });
}
