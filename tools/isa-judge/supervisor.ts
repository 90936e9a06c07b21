// Judged cases at CPL 0: the same code in segments like the user's.

import { SUPERVISOR_CODE16, SUPERVISOR_DATA16 } from './core.ts';
import type { Case, Outcome } from './state.ts';
import { TranslatingCore } from './translated.ts';

export class SupervisorCore extends TranslatingCore {
  asSupervisor(c: Case): Outcome {
    const segments = c.segments.slice();
    segments[1] = [SUPERVISOR_CODE16, 0x08, 0x10][c.mode]!;
    segments[2] = c.mode === 0 ? SUPERVISOR_DATA16 : 0x18;
    const o = this.run({ ...c, segments });
    for (const n of [1, 2]) if (o.segments[n] === segments[n]) o.segments[n] = c.segments[n]!;
    return o;
  }
}
