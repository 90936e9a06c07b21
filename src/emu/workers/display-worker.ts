// Entry of the display's thread in a page: one canvas of one machine.

import { CanvasLoop, type DisplayReply, type DisplayRequest } from '../display/canvas-loop.ts';

/** The part of DedicatedWorkerGlobalScope used here; src/emu has no DOM types. */
interface WorkerScope {
  postMessage(message: DisplayReply): void;
  addEventListener(type: 'message', listener: (event: { data: DisplayRequest }) => void): void;
}
const scope = globalThis as unknown as WorkerScope;
let loop: CanvasLoop | undefined;

function obey(request: DisplayRequest): void {
  switch (request.kind) {
    case 'show':
      loop = new CanvasLoop(request.module, request.memory, request.canvas, (message) =>
        scope.postMessage(message));
      break;
    case 'refresh': loop?.refresh(); break;
    case 'pause': loop?.pause(request.paused); break;
  }
}

scope.addEventListener('message', (event) => {
  try {
    obey(event.data);
  } catch (error) {
    scope.postMessage({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
});
