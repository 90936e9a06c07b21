// `tidy --wrap`: breaks what can be broken without judgement: comments, import lists, and code at the commas
// and operators of its outermost brackets. Tables and long sentences are left to their authors.

import { blankNonCode, columnLimit, MAX_COLUMNS } from './sizes.ts';

const INDENT = '  ';
/** Stands for every character of a string or a comment. */
const BLANK = '\u0001';
/** A break before this column leaves a stump. */
const MIN_BREAK = 30;

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

function isBlank(code: string): boolean {
  return code.replaceAll(BLANK, '').trim() === '';
}

/** Where a line of code may be broken, best first: the shallowest bracket depth, then the latest column. */
function breakAt(line: string, code: string, least: number): number | undefined {
  let depth = 0;
  let best: { at: number; depth: number } | undefined;
  const indent = line.length - line.trimStart().length;
  for (let at = indent; at < Math.min(code.length, MAX_COLUMNS); at++) {
    const c = code[at] ?? '';
    if ('([{'.includes(c)) depth++;
    else if (')]}'.includes(c)) depth--;
    if (at < indent + least || c !== ' ') continue;
    const before = code.slice(0, at);
    const after = code.slice(at + 1);
    // After a comma, a semicolon, `=` or `=>`; before an operator; between the labels of a switch.
    const good = /[,;]$/.test(before) || /:$/.test(before) && after.startsWith('case ')
      || /(^|\s)(=|=>)$/.test(before) && !/^\{/.test(after)
      || /^(&&|\|\||\?\?|\?|:|\+|\||&)\s/.test(after) && /[\w)\]\u0001]$/.test(before);
    if (good && (best === undefined || depth <= best.depth)) best = { at, depth };
  }
  return best?.at;
}

function wrapCode(line: string, code: string): string[] {
  const at = breakAt(line, code, MIN_BREAK) ?? breakAt(line, code, 1);
  if (at === undefined) return [line];
  const indent = /^\s*/.exec(line)?.[0] ?? '';
  const rest = `${indent}${INDENT}${line.slice(at + 1).trimStart()}`;
  const restCode = ' '.repeat(indent.length + INDENT.length) + code.slice(at + 1).trimStart();
  if (rest.length <= MAX_COLUMNS) return [line.slice(0, at), rest];
  const [next = rest, ...more] = wrapCode(rest, restCode);
  // What is broken again goes on at the same depth.
  return [line.slice(0, at), next, ...more.map((part) => indent + INDENT + part.trimStart())];
}

function wrapLine(line: string, code: string, path: string): string[] {
  if (line.length <= columnLimit(line, path)) return [line];
  if (/^\s*\/\/ -+$/.test(line)) return [line.slice(0, MAX_COLUMNS)];
  const doc = /^(\s*)\/\*\*\s+(.*?)\s*\*\/$/.exec(line);
  if (doc !== null) {
    const indent = doc[1] ?? '';
    return [`${indent}/**`, ...fill(`${indent} * `, (doc[2] ?? '').split(' ')), `${indent} */`];
  }
  const list = /^((?:import|export)(?: type)? \{) (.*) (\} from .*)$/.exec(line);
  if (list !== null) {
    const names = (list[2] ?? '').replace(/,$/, '');
    return [list[1] ?? '', ...fill(INDENT, `${names},`.split(' ')), list[3] ?? ''];
  }
  // A comment behind code moves above it.
  const comment = /\s+(\/\/ .*)$/.exec(line);
  if (comment !== null && isBlank(code.slice(comment.index)) && !isBlank(code)) {
    const indent = /^\s*/.exec(line)?.[0] ?? '';
    const kept = line.slice(0, comment.index);
    const above = fill(`${indent}// `, (comment[1] ?? '').slice(3).split(' '));
    return [...above, ...wrapLine(kept, code.slice(0, comment.index), path)];
  }
  return isBlank(code) ? [line] : wrapCode(line, code);
}

/** Plain words of a comment line; headings, lists, tables and tags begin a paragraph of their own. */
const PROSE = /^(\s*(?:\/\/|\*) )(?![\s\-*@|#]|\d+[.)] )([^|]*)$/;

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

export function wrapColumns(text: string, path = ''): string {
  const lines = text.split('\n');
  const code = blankNonCode(text, BLANK).split('\n');
  const out: string[] = [];
  for (let index = 0; index < lines.length;) {
    const line = lines[index] ?? '';
    const blanked = code[index] ?? '';
    if (line.length > MAX_COLUMNS && PROSE.test(line) && isBlank(blanked)) {
      index = wrapParagraph(lines, index, out);
    } else {
      out.push(...wrapLine(line, blanked, path));
      index++;
    }
  }
  return out.join('\n');
}
