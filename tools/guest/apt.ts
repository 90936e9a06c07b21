// A private apt: the machine's apt program, proxies and archives, but its own sources, package lists, cache
// and (empty) list of installed packages. Needs no root and changes nothing of the machine. apt.conf(5),
// apt-get(8). Signatures stay checked. Where the machine's keyring is older than the wanted release, the
// newer keyring package is taken from the machine's own release, whose signature the machine can check.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type AptSource, formatDeb822, parseDeb822, parseOneLine, retarget } from './sources.ts';

export type Log = (line: string) => void;

/** What a guest cannot be made for: one sentence for the user, with the remedy. */
export class GuestError extends Error {
  override name = 'GuestError';
}

const ARCHIVE_KEYRINGS = ['usr/share/keyrings/debian-archive-keyring.pgp',
  'usr/share/keyrings/debian-archive-keyring.gpg'];
const UNTRUSTED = /NO_PUBKEY|is not signed|couldn't be verified|EXPKEYSIG|invalid signature/i;
/** Time between two lines of progress of a download. */
const PROGRESS_MS = 2000;

function runTool(command: string, args: readonly string[]): void {
  const options = { encoding: 'utf8', maxBuffer: 1 << 28, env: aptEnvironment() } as const;
  const done = spawnSync(command, args, options);
  if (done.error !== undefined || done.status !== 0) {
    const why = lastLine(done.stderr ?? String(done.error));
    throw new GuestError(`${command} ${args.at(-1) ?? ''} failed: ${why}.`);
  }
}

function aptEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' };
}

function lastLine(text: string): string {
  const errors = text.split('\n').filter((line) => line.startsWith('E:'));
  const line = errors[0] ?? text.trim().split('\n').at(-1) ?? '';
  return line.replace(/^E:\s*/, '').replace(/\s+/g, ' ').replace(/\.$/, '');
}

/** Says in one sentence which of Debian's package tools is missing here, if one is. */
export function requireDebianTools(): void {
  for (const tool of ['apt-get', 'apt-cache', 'dpkg-deb']) {
    if (spawnSync(tool, ['--version'], { stdio: 'ignore' }).error !== undefined) {
      throw new GuestError(`${tool} is not on this machine, and guests are made from Debian packages: run `
        + 'this on Debian (a container will do) and copy its public/guest folder here, or boot your own '
        + 'kernel with --kernel and --initrd.');
    }
  }
}

function readMachineSources(): AptSource[] {
  const sources: AptSource[] = [];
  const main = '/etc/apt/sources.list';
  if (existsSync(main)) sources.push(...parseOneLine(readFileSync(main, 'utf8')));
  const parts = '/etc/apt/sources.list.d';
  for (const name of existsSync(parts) ? readdirSync(parts).sort() : []) {
    const read = (): string => readFileSync(join(parts, name), 'utf8');
    if (name.endsWith('.list')) sources.push(...parseOneLine(read()));
    if (name.endsWith('.sources')) sources.push(...parseDeb822(read()));
  }
  return sources;
}

/** The machine's Debian archives; SKEP_DEBIAN_MIRROR names another one for machines that have none. */
function debianSources(): AptSource[] {
  const mirror = process.env['SKEP_DEBIAN_MIRROR'];
  if (mirror !== undefined && mirror !== '') {
    const keyring = ARCHIVE_KEYRINGS.map((path) => `/${path}`).find((path) => existsSync(path));
    const options = new Map(keyring === undefined ? [] : [['Signed-By', keyring]]);
    return [{ uris: [mirror], suites: ['stable', 'stable-updates'], components: ['main'], options }];
  }
  const sources = retarget(readMachineSources());
  if (sources.length > 0) return sources;
  throw new GuestError('No Debian archive is among the apt sources of this machine (/etc/apt/sources.list.d):'
    + ' name one in SKEP_DEBIAN_MIRROR=ADDRESS (the folder above its dists/).');
}

export class PrivateApt {
  readonly #dir: string;
  readonly #log: Log;
  readonly #architecture: string;

  constructor(dir: string, sources: readonly AptSource[], log: Log, architecture = 'amd64') {
    this.#dir = resolve(dir);
    this.#log = log;
    this.#architecture = architecture;
    for (const part of ['sources', 'state/lists/partial', 'cache/archives/partial']) {
      mkdirSync(join(this.#dir, part), { recursive: true });
    }
    writeFileSync(join(this.#dir, 'status'), '');
    writeFileSync(join(this.#dir, 'sources/debian.sources'), formatDeb822(sources, architecture));
    writeFileSync(join(this.#dir, 'apt.conf'), this.#configuration());
  }

  #configuration(): string {
    const quoted = (path: string): string => `"${join(this.#dir, path)}"`;
    // The hooks of the machine are for the machine's package lists; as a mere user they would only fail.
    const hooks = ['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success',
      'DPkg::Post-Invoke'];
    return [
      ...hooks.map((hook) => `#clear ${hook};`),
      '#clear APT::Architectures;',
      `APT::Architecture "${this.#architecture}";`,
      `APT::Architectures { "${this.#architecture}"; };`,
      'APT::Get::List-Cleanup "true";',
      'APT::Sandbox::User "";',
      'Acquire::Languages "none";',
      'Dir::Etc::sourcelist "/dev/null";',
      `Dir::Etc::sourceparts ${quoted('sources')};`,
      'Dir::Etc::preferences "/dev/null";',
      'Dir::Etc::preferencesparts "/dev/null";',
      `Dir::State ${quoted('state')};`,
      `Dir::State::lists ${quoted('state/lists')};`,
      `Dir::State::status ${quoted('status')};`,
      `Dir::State::extended_states ${quoted('state/extended_states')};`,
      `Dir::Cache ${quoted('cache')};`,
      `Dir::Cache::archives ${quoted('cache/archives')};`,
      'Dir::Log "/dev/null";',
      '',
    ].join('\n');
  }

  #args(args: readonly string[]): string[] {
    return ['-c', join(this.#dir, 'apt.conf'), ...args];
  }

  #run(args: readonly string[], cwd: string, onLine: Log): Promise<{ status: number; output: string }> {
    return new Promise((done, fail) => {
      const child = spawn('apt-get', this.#args(args),
        { cwd, env: aptEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      let rest = '';
      const take = (chunk: Buffer): void => {
        output += chunk.toString();
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        lines.filter((line) => line.trim() !== '').forEach(onLine);
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.on('error', fail);
      child.on('close', (code) => done({ status: code ?? 1, output }));
    });
  }

  /** Fetches the package lists; the answer is apt's output where it failed, undefined where all is well. */
  async update(): Promise<string | undefined> {
    const { status, output } = await this.#run(['-q', 'update', '--error-on=any'], this.#dir, (line) => {
      if (/^(Get|Hit|Ign|Err):/.test(line)) this.#log(`  ${line}`);
    });
    return status === 0 ? undefined : output;
  }

  /** Fields of the newest version of a package; undefined where the lists have no such package. */
  show(name: string): Map<string, string> | undefined {
    const done = spawnSync('apt-cache', this.#args(['show', '--no-all-versions', name]),
      { encoding: 'utf8', env: aptEnvironment() });
    if (done.status !== 0) return undefined;
    const fields = new Map<string, string>();
    for (const line of done.stdout.split('\n\n')[0]?.split('\n') ?? []) {
      const match = /^([A-Za-z0-9-]+): (.*)$/.exec(line);
      if (match !== null) fields.set(match[1] ?? '', match[2] ?? '');
    }
    return fields;
  }

  /** Downloads packages (apt checks their hashes) into `into`, and says how far it is. Returns the files. */
  async download(names: readonly string[], into: string): Promise<Map<string, string>> {
    rmSync(into, { recursive: true, force: true });
    mkdirSync(into, { recursive: true });
    const total = names.reduce((sum, name) => sum + Number(this.show(name)?.get('Size') ?? 0), 0);
    const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
    const timer = setInterval(() => {
      const here = readdirSync(into).reduce((sum, name) => sum + statSync(join(into, name)).size, 0);
      this.#log(`  ${mb(here)} of ${mb(total)} MB`);
    }, PROGRESS_MS);
    try {
      const { status, output } = await this.#run(['-q', 'download', ...names], resolve(into), () => {});
      if (status !== 0) throw new GuestError(`The packages could not be downloaded: ${lastLine(output)}.`);
    } finally {
      clearInterval(timer);
    }
    const files = new Map<string, string>();
    for (const name of names) {
      const file = readdirSync(into).find((entry) => entry.startsWith(`${name}_`));
      if (file === undefined) throw new GuestError(`apt-get download ${name} left no package file.`);
      files.set(name, join(into, file));
    }
    return files;
  }
}

/** The keyring package of the machine's own release, checked with the keys that the machine has. */
async function fetchKeyring(dir: string, sources: AptSource[], log: Log): Promise<string | undefined> {
  const own = new PrivateApt(join(dir, 'keyring'), sources, log);
  // One archive of several may fail: what counts is whether a verified one has the package.
  await own.update();
  if (own.show('debian-archive-keyring') === undefined) return undefined;
  const files = await own.download(['debian-archive-keyring'], join(dir, 'keyring/packages'));
  const root = join(dir, 'keyring/root');
  runTool('dpkg-deb', ['-x', files.get('debian-archive-keyring') ?? '', root]);
  return ARCHIVE_KEYRINGS.map((path) => resolve(root, path)).find((path) => existsSync(path));
}

/** A private apt whose lists are those of `suite`, fetched and verified. */
export async function openSuite(dir: string, suite: string, log: Log,
  architecture = 'amd64'): Promise<PrivateApt> {
  const sources = debianSources();
  let apt = new PrivateApt(dir, retarget(sources, suite), log, architecture);
  log(`package lists of ${suite} …`);
  let failure = await apt.update();
  if (failure !== undefined && UNTRUSTED.test(failure)) {
    log(`no key for ${suite} here: taking the newer debian-archive-keyring of this machine's release …`);
    const keyring = await fetchKeyring(dir, sources, log);
    if (keyring !== undefined) {
      apt = new PrivateApt(dir, retarget(sources, suite, keyring), log, architecture);
      failure = await apt.update();
    }
    if (failure !== undefined && UNTRUSTED.test(failure)) {
      throw new GuestError(`The package lists of Debian ${suite} could not be verified: install a `
        + 'debian-archive-keyring that knows it (2023.3+deb12u1 or newer) and run this again.');
    }
  }
  const kernel = architecture === 'i386' ? 'linux-image-686' : 'linux-image-amd64';
  if (failure !== undefined && apt.show(kernel) === undefined) {
    throw new GuestError(`The package lists of Debian ${suite} could not be fetched (${lastLine(failure)}): `
      + 'check the network and the apt sources of this machine.');
  }
  return apt;
}

/** Unpacks a package, or the given members of it, without root. */
export function unpack(debFile: string, into: string, members: readonly string[] = []): void {
  mkdirSync(into, { recursive: true });
  if (members.length === 0) {
    runTool('dpkg-deb', ['-x', debFile, into]);
    return;
  }
  // tar leaves after the last member that it was asked for; that dpkg-deb loses its reader is no failure.
  const script = 'deb=$1; dir=$2; shift 2; '
    + 'dpkg-deb --fsys-tarfile "$deb" 2>/dev/null | tar -x -C "$dir" --occurrence=1 "$@"';
  runTool('sh', ['-c', script, 'unpack', debFile, into, ...members]);
}
