// `tidy --wrap`: breaks what can be broken without judgement: long comment lines and long import lists. Code
// and tables are left to their authors.

import { MAX_COLUMNS } from './sizes.ts';

function fill(prefix: string, words: readonly string[], first = prefix): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of words) {
    if (!empty && line.length + 1 + word.length > MAX_COLUMNS) {
      lines.push(line);
      line = prefix;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}

function wrapLine(line: string): string[] {
  if (line.length <= MAX_COLUMNS) return [line];
  const comment = /^(\s*(?:\/\/|\*)\s+)([^|]*)$/.exec(line);
  if (comment !== null) return fill(comment[1] ?? '', (comment[2] ?? '').split(' '));
  const doc = /^(\s*)\/\*\*\s+(.*?)\s*\*\/$/.exec(line);
  if (doc !== null) {
    const indent = doc[1] ?? '';
    return [`${indent}/**`, ...fill(`${indent} * `, (doc[2] ?? '').split(' ')), `${indent} */`];
  }
  const list = /^((?:import|export)(?: type)? \{) (.*) (\} from .*)$/.exec(line);
  if (list !== null) return [list[1] ?? '', ...fill('  ', `${list[2] ?? ''},`.split(' ')), list[3] ?? ''];
  // A comment behind code moves above it.
  const behind = /^(\s*)(\S.*?[;,{}])\s+(\/\/ [^'"`]*)$/.exec(line);
  if (behind !== null && !/['"`]/.test(behind[3] ?? '')) {
    const indent = behind[1] ?? '';
    return [...fill(`${indent}// `, (behind[3] ?? '').slice(3).split(' ')), `${indent}${behind[2] ?? ''}`];
  }
  return [line];
}

/** Plain words of a comment line; headings, lists, tables and tags begin a paragraph of their own. */
const PROSE = /^(\s*(?:\/\/|\*) )(?![\s\-*@|#\d])([^|]*)$/;

/** Breaks a long comment line and carries what is left over into the rest of its paragraph. */
function wrapParagraph(lines: readonly string[], start: number, out: string[]): number {
  const prefix = PROSE.exec(lines[start] ?? '')?.[1] ?? '';
  let words: string[] = [];
  let next = start;
  do {
    words = [...words, ...(PROSE.exec(lines[next] ?? '')?.[2] ?? '').trim().split(' ')];
    next++;
    const filled = fill(prefix, words);
    if (filled.length === 1) break;
    out.push(...filled.slice(0, -1));
    words = (filled.at(-1) ?? '').slice(prefix.length).split(' ');
  } while (PROSE.exec(lines[next] ?? '')?.[1] === prefix);
  out.push(prefix + words.join(' '));
  return next;
}

export function wrapColumns(text: string): string {
  const lines = text.split('\n');
  const out: string[] = [];
  for (let index = 0; index < lines.length;) {
    const line = lines[index] ?? '';
    if (line.length > MAX_COLUMNS && PROSE.test(line)) index = wrapParagraph(lines, index, out);
    else {
      out.push(...wrapLine(line));
      index++;
    }
  }
  return out.join('\n');
}
