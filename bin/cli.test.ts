// Arguments, the scripted console and the escape key of the command line, and its exit statuses for bad
// usage.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parseCommand, unescapeText, type BootArgs } from './args.ts';
import { ConsoleText } from './console-text.ts';
import { Script } from './script.ts';
import { startServer } from './serve.ts';
import { fileFor } from '../tools/static-files.ts';
import { EscapeFilter } from './terminal.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const bootArgs = (...argv: string[]): BootArgs => {
  const command = parseCommand(['boot', '--guest', 'mini', ...argv]);
  if (command.name !== 'boot') throw new Error(`got ${command.name}`);
  return command.args;
};

describe('arguments', () => {
  test('steps keep their order across options', () => {
    const args = bootArgs('--until', 'a', '--smp', '4', '--send', 'x\\n', '--send=y', '--until=^b$', '--timeout', '1.5');
    expect(args.steps.map((step) => (step.kind === 'send' ? `send ${step.text}` : `until ${step.pattern}`)))
      .toEqual(['until a', 'send x\n', 'send y', 'until ^b$']);
    expect(args).toMatchObject({ smp: 4, timeoutS: 1.5, serial: 'stdio' });
  });

  test('escapes', () => {
    expect(unescapeText('a\\n\\r\\t\\\\n\\x1b[A\\e')).toBe('a\n\r\t\\n\x1b[A\x1b');
    expect(() => unescapeText('a\\q')).toThrow('unknown escape "\\q"');
    expect(() => unescapeText('a\\')).toThrow('unknown escape');
  });

  test.each([
    [['boot'], 'nothing to boot'], [['frob'], 'There is no command "frob"'], [['boot', '--foo'], "Unknown option '--foo'"],
    [['boot', '--guest', 'mini', '--smp', 'two'], '--smp "two"'], [['boot', '--guest', 'mini', '--until', '('], '--until "("'],
    [['boot', '--guest', 'mini', '--timeout', '-1'], '--timeout'], [['boot', '--guest', 'mini', '--hda'], 'hda'],
    [['boot', '--guest', 'mini', '--engine', 'dynarec'], 'There is no engine "dynarec"'], [['serve', '--port', '70000'], '70000'],
    [['boot', 'mini'], 'mini'], [['boot', '--boot', 'c,menu=x'], 'x'], [['boot', '--boot', 'c;d'], '--boot "c;d"'],
  ])('%j is refused with the value', (argv, sentence) => {
    expect(() => parseCommand(argv)).toThrow(sentence);
  });
});

describe('scripted console', () => {
  const make = (...argv: string[]): { script: Script; typed: string[] } => {
    const typed: string[] = [];
    return { typed, script: new Script(bootArgs(...argv).steps, (text) => typed.push(text), () => 5) };
  };

  test('an expression sees the output since the previous match only', () => {
    const { script, typed } = make('--until', 'ready', '--send', 'nproc\\n', '--until', '^ready 2$');
    script.feed(bytes('ready 2\r\nrea'));
    expect(typed).toEqual(['nproc\n']);
    expect(script.done).toBe(false);
    script.feed(bytes('dy 2\r\n'));
    expect(script.done).toBe(true);
    expect(script.matches).toEqual([{ pattern: 'ready', ms: 5 }, { pattern: '^ready 2$', ms: 5 }]);
  });

  test('a final send does not end the session', () => {
    const { script, typed } = make('--until', 'a', '--send', 'poweroff\\n');
    script.feed(bytes('a'));
    expect(typed).toEqual(['poweroff\n']);
    expect([script.done, script.endsWithMatch, script.waitingFor]).toEqual([true, false, undefined]);
  });

  test('control sequences are removed, also when cut', () => {
    const text = new ConsoleText();
    const parts = ['\x1b[6n~ \x1b[1;3', '1mred\x1b[0m\x1b]0;title', '\x07 end\x1b', '7!\xc3', '\xa9'];
    const raw = parts.map((part) => Uint8Array.from(part, (char) => char.charCodeAt(0)));
    expect(raw.map((part) => text.add(part)).join('')).toBe('~ red end!é');
  });
});

test('Ctrl-A x leaves, Ctrl-A Ctrl-A types one, anything else passes', () => {
  let typed = '';
  let left = 0;
  const filter = new EscapeFilter((data) => { typed += new TextDecoder().decode(data); }, () => { left++; });
  filter.feed(bytes('ab\x01'));
  filter.feed(bytes('\x01c\x01qx'));
  expect(typed).toBe('ab\x01c\x01qx');
  expect(left).toBe(0);
  filter.feed(bytes('z\x01x'));
  expect([typed, left]).toEqual(['ab\x01c\x01qxz', 1]);
});

describe('serve', () => {
  const folder = mkdtempSync(join(tmpdir(), 'skep-serve-'));
  writeFileSync(join(folder, 'index.html'), '<p>page</p>');
  writeFileSync(join(folder, 'a.wasm'), 'wasm');
  const server = startServer({ port: 0, dir: folder, host: '127.0.0.1' });
  afterAll(async () => { (await server).close(); });
  const get = async (path: string, init?: RequestInit): Promise<Response> => {
    const address = (await server).address();
    return fetch(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}${path}`, init);
  };

  test('sends the isolation headers, types and ranges', async () => {
    const page = await get('/');
    expect(page.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(await page.text()).toBe('<p>page</p>');
    const core = await get('/a.wasm?v=1', { headers: { Range: 'bytes=1-2' } });
    expect([core.status, core.headers.get('content-type'), await core.text()]).toEqual([206, 'application/wasm', 'as']);
    expect((await get('/nothing')).status).toBe(404);
    expect((await get('/', { method: 'POST' })).status).toBe(405);
  });

  test("compresses the page's own files for whoever takes it, and as they are now", async () => {
    writeFileSync(join(folder, 'b.js'), 'x'.repeat(5000));
    const length = (response: Response): number => Number(response.headers.get('content-length'));
    const first = await get('/b.js');
    expect([first.headers.get('content-encoding'), await first.text()]).toEqual(['gzip', 'x'.repeat(5000)]);
    expect(length(first)).toBeLessThan(200);
    writeFileSync(join(folder, 'b.js'), 'new');
    utimesSync(join(folder, 'b.js'), new Date(), new Date(Date.now() + 5000));
    expect(await (await get('/b.js')).text()).toBe('new');
    const plain = await get('/b.js', { headers: { 'Accept-Encoding': 'identity' } });
    expect([plain.headers.get('content-encoding'), length(plain)]).toEqual([null, 3]);
    writeFileSync(join(folder, 'vmlinuz'), 'x'.repeat(5000));
    expect((await get('/vmlinuz')).headers.get('content-encoding')).toBeNull();
  });

  test('no path leaves the folder', () => {
    for (const path of ['/../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd', '/..%2f..%2fetc/passwd', '/%', '/\0']) {
      expect(fileFor(folder, path), path).toBeUndefined();
    }
  });
});

describe('exit status 2 and one sentence', () => {
  const main = fileURLToPath(new URL('skep.ts', import.meta.url));
  const truncated = join(tmpdir(), `skep-not-a-kernel-${process.pid}`);
  writeFileSync(truncated, new Uint8Array(2000));
  test.each([
    [['boot', '--guest', 'nobody'], '"nobody"'], [['boot', '--guest', 'mini', '--smp', '0'], ' 0 CPUs'],
    [['boot', '--guest', 'mini', '--smp', '999'], '999 CPUs'], [['boot', '--guest', 'mini', '--ram', '99999'], '99999 MiB'],
    [['boot', '--kernel', '/no/such/file'], '/no/such/file'], [['boot', '--kernel', truncated], 'neither a Linux bzImage'],
  ])('%j', (argv, sentence) => {
    const done = spawnSync(process.execPath, ['--import', 'tsx', main, ...argv], { encoding: 'utf8' });
    expect(done.stderr).toContain(sentence);
    expect(done.stderr.trim().split('\n')).toHaveLength(1);
    expect(done.status).toBe(2);
  });
});
