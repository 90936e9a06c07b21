// Installs the dependencies where one is missing or has another version than the lock file says. Plain
// JavaScript, because it runs on a fresh clone, before anything is installed.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function isInstalled() {
  const record = `${root}/node_modules/.package-lock.json`;
  if (!existsSync(record)) return false;
  const there = JSON.parse(readFileSync(record, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8')).packages;
  // Optional packages are those of other platforms: they may be absent.
  return Object.entries(wanted).every(([path, { version, optional }]) =>
    path === '' || optional === true || there[path]?.version === version);
}

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Skep needs Node 20.19 or newer; this is ${process.versions.node}. Install a newer Node and try again.`);
  process.exit(2);
}
if (!isInstalled()) {
  console.log('Installing dependencies (npm ci) …');
  const run = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: root, stdio: 'inherit' });
  if (run.status !== 0) {
    console.error('npm ci failed; its message is above. Without the dependencies nothing else can run.');
    process.exit(run.status ?? 1);
  }
}
