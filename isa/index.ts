// All rows of the instruction table: every file `*.isa.ts` of this folder exports arrays of rows.

import { readdirSync } from 'node:fs';
import type { Row } from './row.ts';

const FOLDER = new URL('.', import.meta.url);

export interface SourcedRow extends Row { file: string }

/** Load every row, in file order, with the name of its file. */
export async function loadRows(): Promise<SourcedRow[]> {
  const rows: SourcedRow[] = [];
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.isa.ts')).sort()) {
    const exported = Object.values(await import(new URL(file, FOLDER).href)) as unknown[];
    for (const value of exported) {
      if (Array.isArray(value)) rows.push(...value.filter((row) => typeof row?.enc === 'string').map((row) =>
        ({ ...row, file })));
    }
  }
  return rows;
}
