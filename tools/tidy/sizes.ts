// Files up to 600 lines, functions up to 70, lines up to 110 columns (140 in tables: a line that starts with
// a bracket or a quote, or is mostly data), and a comment at the top that says what the file is. Functions
// are found by braces after strings and comments are blanked; that is enough for code that a person would
// call formatted.

import type { Finding, SourceFile } from '../tidy.ts';

export const MAX_FILE_LINES = 600;
export const MAX_FUNCTION_LINES = 70;
export const MAX_COLUMNS = 110;
export const MAX_TABLE_COLUMNS = 140;

export interface FunctionSpan {
  name: string;
  /** 1-based, inclusive. */
  first: number;
  last: number;
}

type Mode = 'code' | 'line' | 'block' | '\'' | '"' | '`';

/**
 * The text with strings, template texts, regular expressions and comments blanked; lines keep their numbers.
 */
export function blankNonCode(text: string, blank = ' '): string {
  const out = [...text];
  let mode: Mode = 'code';
  let before = '';
  const templateDepths: number[] = [];
  let depth = 0;
  for (let i = 0; i < out.length; i++) {
    const c = out[i] ?? '';
    const next = out[i + 1];
    if (mode === 'code') {
      if (c === '/' && next === '/') mode = 'line';
      else if (c === '/' && next === '*') mode = 'block';
      else if (c === '\'' || c === '"' || c === '`') mode = c;
      else if (c === '/' && startsRegExp(before)) {
        i = blankRegExp(out, i, blank);
        before = 'r';
        continue;
      } else if (c === '{') depth++;
      else if (c === '}' && templateDepths.at(-1) === depth) {
        templateDepths.pop();
        mode = '`';
      } else if (c === '}') depth--;
      if (mode === 'code') {
        before = lastToken(before, c);
        continue;
      }
      if (c === '}' && mode === '`') continue;
      out[i] = blank;
      continue;
    }
    if (c === '\n') {
      if (mode !== 'block' && mode !== '`') mode = 'code';
      continue;
    }
    const closes = mode === 'block' ? c === '*' && next === '/' : c === mode;
    out[i] = blank;
    if (c === '\\' && mode !== 'line' && mode !== 'block') {
      i++;
      if (out[i] !== '\n') out[i] = blank;
    } else if (mode === '`' && c === '$' && next === '{') {
      templateDepths.push(depth);
      i++;
      mode = 'code';
    } else if (closes) {
      if (mode === 'block') out[++i] = blank;
      mode = 'code';
      before = 'x';
    }
  }
  return out.join('');
}

/** The end of the code read so far, as far as startsRegExp needs it: the last word or sign. */
function lastToken(before: string, c: string): string {
  if (c.trim() === '') return /\w$/.test(before) ? `${before} ` : before;
  if (!/\w/.test(c)) return c;
  return /\w$/.test(before) ? before.slice(-11) + c : c;
}

/**
 * After an operand a slash divides; after an operator, an opening bracket or a keyword it opens a regular
 * expression.
 */
function startsRegExp(before: string): boolean {
  const word = /(\w+) ?$/.exec(before)?.[1];
  if (word !== undefined) return ['return', 'typeof', 'case', 'in', 'of'].includes(word);
  return !/[)\]}]$/.test(before);
}

function blankRegExp(out: string[], start: number, blank: string): number {
  let inClass = false;
  let i = start + 1;
  out[start] = blank;
  for (; i < out.length && out[i] !== '\n'; i++) {
    const c = out[i];
    out[i] = blank;
    if (c === '\\') out[++i] = blank;
    else if (c === '[') inClass = true;
    else if (c === ']') inClass = false;
    else if (c === '/' && !inClass) return i;
  }
  return i - 1;
}

const OPENER = new RegExp([
  String.raw`\bfunction\b\s*\*?\s*(\w*)[^{};]*$`,
  String.raw`(?:const|let)\s+(\w+)[^=;]*=\s*(?:async\s*)?(?:<[^>]*>)?\([^;{}]*\)[^;{}]*=>\s*$`,
  String.raw`^\s*(?:(?:public|private|protected|static|override|async|get|set)\s+)*`
    + String.raw`\*?(#?\w+)\s*(?:<[^>]*>)?\([^;{}]*\)[^;={}]*$`,
].join('|'));
const NOT_FUNCTIONS = new Set(
  ['if', 'for', 'while', 'switch', 'catch', 'with', 'else', 'do', 'return', 'describe', 'it', 'test']);

export function functionsOf(text: string): FunctionSpan[] {
  const code = blankNonCode(text);
  const spans: FunctionSpan[] = [];
  const open: ({ name: string; first: number } | undefined)[] = [];
  let line = 1;
  let headStart = 0;
  let headLine = 1;
  for (let i = 0; i < code.length; i++) {
    const c = code[i];
    if (c === '\n') line++;
    if (c === '{') {
      const head = code.slice(headStart, i);
      const blankLines = (/^\s*/.exec(head)?.[0].split('\n').length ?? 1) - 1;
      const found = OPENER.exec(head.replaceAll('\n', ' '));
      const name = found === null ? '' : found[1] ?? found[2] ?? found[3] ?? '';
      const isFunction = found !== null && !NOT_FUNCTIONS.has(name);
      open.push(isFunction ? { name, first: headLine + blankLines } : undefined);
    } else if (c === '}') {
      const span = open.pop();
      if (span !== undefined) spans.push({ ...span, last: line });
    }
    if (c === '{' || c === '}' || c === ';') {
      headStart = i + 1;
      headLine = line;
    }
  }
  return spans;
}

/** Rows of data may be wider, as may a line that is one long sentence or address. */
export function columnLimit(line: string, path: string): number {
  const isTable = /\.isa\.ts$/.test(path) || /^\s*([[({'"`|]|(row|one|each)\()/.test(line)
    || /^\s*\/\/.*\|/.test(line);
  // A message is one sentence in one line.
  const isSentence = /(['"`])(?:(?!\1).){40,}\1?/.test(line) && !/^\s*(\/\/|\*)/.test(line);
  if (isTable || isSentence || /https?:\/\/\S{40}/.test(line)) return MAX_TABLE_COLUMNS;
  return MAX_COLUMNS;
}

export function checkSizes(file: SourceFile): Finding[] {
  const { path, text } = file;
  const findings: Finding[] = [];
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const isTest = /\.(test|spec)\.m?[jt]s$/.test(path);
  const add = (line: number, rule: string, words: string): void => {
    findings.push({ path, line, rule, text: words });
  };
  if (lines.length > MAX_FILE_LINES) {
    add(MAX_FILE_LINES + 1, 'file size', `${lines.length} lines, at most ${MAX_FILE_LINES}`);
  }
  lines.forEach((line, index) => {
    // Tests restate tables of the datasheets.
    const limit = isTest ? MAX_TABLE_COLUMNS : columnLimit(line, path);
    const columns = [...line].length;
    if (columns > limit) add(index + 1, 'columns', `${columns} columns, at most ${limit}`);
  });
  if (!isTest && !/^(#!.*\n)?(\/\/|\/\*)/.test(text)) {
    add(1, 'opening comment', 'the file does not begin by saying what it is');
  }
  for (const { name, first, last } of functionsOf(text)) {
    const length = last - first + 1;
    if (length > MAX_FUNCTION_LINES) {
      const who = name === '' ? 'this function' : name;
      add(first, 'function size', `${who} has ${length} lines, at most ${MAX_FUNCTION_LINES}`);
    }
  }
  return findings;
}
