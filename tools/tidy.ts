// npm run tidy [-- --wrap [PREFIX]]: the rules that a machine can check (CONTRIBUTING.md, ARCHITECTURE.md
// "Who may import whom"). Layers by the import matrix, sizes of files, functions and lines, an opening
// comment in every file, no skipped tests, no paths of one particular computer, no merge marks. Generated
// files (*/gen/, generated-*) are exempt from sizes.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { checkImports, importsOf } from './tidy/layers.ts';
import { checkSizes } from './tidy/sizes.ts';
import { checkForbidden } from './tidy/forbidden.ts';
import { wrapColumns } from './tidy/wrap.ts';

export interface SourceFile {
  /** Path from the project's folder, with slashes. */
  path: string;
  text: string;
}

export interface Finding {
  path: string;
  line: number;
  rule: string;
  text: string;
}

export function isGenerated(path: string): boolean {
  return /(^|\/)gen\//.test(path) || /(^|\/)generated-[^/]*$/.test(path) || path === 'package-lock.json'
    || /^docs\/(instruction-table|conformance)\.md$/.test(path) || path.startsWith('isa/vectors/');
}

const CODE = /\.(ts|mts|mjs|js)$/;
const TEXT = /\.(ts|mts|mjs|js|json|md|css|html|sh|c|h|py|yml|yaml|svg|txt)$|(^|\/)(Makefile|run|LICENSE)$/;

/** Findings of all rules on these files. `exists` answers for import targets. */
export function tidy(files: readonly SourceFile[], exists: (path: string) => boolean): Finding[] {
  const findings: Finding[] = [];
  for (const file of files) {
    findings.push(...checkForbidden(file));
    if (!CODE.test(file.path)) continue;
    if (!isGenerated(file.path)) findings.push(...checkSizes(file));
    findings.push(...checkImports(file.path, importsOf(file.text), (target) => {
      const from = posix.dirname(file.path);
      return exists(posix.join(from, target));
    }));
  }
  return findings;
}

/** Files of the project: what git tracks, and what it would track. */
function projectFiles(root: string): SourceFile[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8' });
  return listed.split('\n').filter((path) => TEXT.test(path) && existsSync(join(root, path)))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
}

/** Breaks long comments and imports in the code below `prefix`. */
function wrapFiles(root: string, prefix: string): void {
  for (const { path, text } of projectFiles(root)) {
    const wanted = CODE.test(path) && !isGenerated(path) && !/^tools\/tidy|\.test\.ts$/.test(path);
    if (!wanted || !path.startsWith(prefix)) continue;
    const wrapped = wrapColumns(text, path);
    if (wrapped !== text) writeFileSync(join(root, path), wrapped);
  }
}

function main(): void {
  const root = join(dirname(fileURLToPath(import.meta.url)), '..');
  const wrap = process.argv.indexOf('--wrap');
  if (wrap >= 0) wrapFiles(root, process.argv[wrap + 1] ?? '');
  const files = projectFiles(root);
  const exists = (path: string): boolean =>
    ['', '.ts', '/index.ts'].some((end) => existsSync(join(root, path + end)));
  const findings = tidy(files, exists);
  for (const { path, line, rule, text } of findings) console.log(`${path}:${line}: ${rule}: ${text}`);
  console.log(`tidy: ${files.length} files, ${findings.length} findings`);
  process.exitCode = findings.length === 0 ? 0 : 1;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) main();
