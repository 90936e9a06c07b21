// The life of the I/O worker: instantiate the core, open the drives, then serve the block requests that the
// chips post, and the host's messages, from one event loop. It sleeps in Atomics.waitAsync; where that is
// missing it blocks for a few milliseconds at a time, and messages come between.

import { openDrive, type OpenPath } from '../disk/open.ts';
import { BlockService, type BlockCore } from '../disk/service.ts';
import { CONTROL, Control } from '../generated-layout.ts';
import type { IoReply, IoRequest } from '../platform.ts';
import { instantiate } from './core-thread.ts';

export interface IoPort {
  post(message: IoReply): void;
  onMessage(handler: (message: IoRequest) => void): void;
}

const BLOCK_MS = 4;
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

export function serveIoThread(port: IoPort, openPath?: OpenPath): void {
  let service: BlockService | undefined;
  let words: Int32Array | undefined;
  const crash = (error: unknown): void => port.post({ kind: 'failed', message: String(error) });

  const execute = async (request: IoRequest): Promise<void> => {
    if (request.kind === 'init') {
      const core = instantiate(request,
        { post: (message) => port.post(message as IoReply) }) as unknown as BlockCore & { ioInit(): void };
      core.ioInit();
      words = new Int32Array(request.memory.buffer);
      service = new BlockService(request.memory, core, {
        onError: (drive, name, message) =>
          port.post({ kind: 'disk', event: { kind: 'error', drive, name, message } }),
        onSlow: (drive, name, seconds) =>
          port.post({ kind: 'disk', event: { kind: 'slow', drive, name, seconds } }),
        onEject: (drive) => port.post({ kind: 'disk', event: { kind: 'eject', drive } }),
      });
      return;
    }
    if (service === undefined || words === undefined) throw new Error('I/O thread used before init');
    switch (request.kind) {
      case 'plug': service.plug(request.drive, await openDrive(request.drive, openPath)); break;
      case 'change': await service.change(request.drive, await openDrive(request.drive, openPath)); break;
      case 'serve': void serve(service, words).catch(crash); break;
      case 'hold': service.hold(); break;
      case 'resume': service.resume(); break;
      case 'close': await service.close(); break;
    }
  };

  let tail = Promise.resolve();
  port.onMessage((request) => {
    tail = tail.then(() => execute(request)).then(() => port.post({ kind: 'done' }), (error: unknown) => {
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
