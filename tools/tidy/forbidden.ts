// What must not be in any file: skipped or focused tests, absolute paths of one computer, merge marks, tabs
// and trailing blanks in code, the compiler's fence that it deletes, and host APIs in layers that must run
// anywhere.

import { isGenerated, type Finding, type SourceFile } from '../tidy.ts';

interface Rule {
  name: string;
  /** Which files it looks at. */
  where: (path: string) => boolean;
  pattern: RegExp;
  text: string;
}

const isTest = (path: string): boolean => /\.(test|spec)\.m?[jt]s$/.test(path);
const isCode = (path: string): boolean => /\.(ts|mts|mjs|js|css|html)$/.test(path);
// The rules and their tests spell out what they forbid.
const isTidy = (path: string): boolean => path.startsWith('tools/tidy');

export const RULES: readonly Rule[] = [
  {
    name: 'skipped test', where: isTest,
    pattern: /\b(?:it|test|describe|suite)\.(?:skip|only|todo|fixme|fails)\b|\bx(?:it|describe)\(/,
    text: 'a test that does not run proves nothing',
  },
  {
    name: 'path of one computer', where: () => true,
    pattern: /(?<![\w./-])\/(?:home\/(?!user\b)[\w.-]+|work\/|Users\/|mnt\/|root\/[\w.]+\/)/,
    text: 'name files relative to the project',
  },
  { name: 'merge mark', where: () => true, pattern: /^(?:<{7} |>{7} |={7}$)/, text: 'resolve the conflict' },
  {
    name: 'blanks', where: (path) => isCode(path) && !isGenerated(path), pattern: /[ \t]+$|^ *\t/,
    text: 'tabs or trailing blanks',
  },
  {
    name: 'fence', where: (path) => path.startsWith('wasm/') && !isTest(path),
    pattern: /^(?!\s*(?:\/\/|\*)).*\batomic\.fence\(/,
    text: 'the compiler deletes atomic.fence(): use fullFence of lib/atomics.ts',
  },
  {
    name: 'DOM', where: (path) => /^src\/(?:emu\/(?!display)|api\/(?!index))/.test(path) && !isTest(path),
    pattern: /^(?!\s*(?:\/\/|\*)).*\b(?:document|window|localStorage|sessionStorage)\s*[.[]/,
    text: 'the machine also runs in workers and in Node',
  },
];

export function checkForbidden(file: SourceFile): Finding[] {
  const rules = RULES.filter((rule) => rule.where(file.path));
  if (isTidy(file.path)) return [];
  const findings: Finding[] = [];
  file.text.split('\n').forEach((line, index) => {
    for (const rule of rules) {
      if (!rule.pattern.test(line)) continue;
      findings.push({ path: file.path, line: index + 1, rule: rule.name, text: rule.text });
    }
  });
  return findings;
}
