// Reads the machine's own apt sources (one-line .list and deb822 .sources, sources.list(5)) and writes the
// same archives for another Debian suite, as deb822. Only Debian's own archives are carried over: what others
// call trixie is not meant here. Left out: deb-src, flat repositories ("suite" that ends in a slash).

export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** Remaining fields in deb822 spelling (Signed-By, Trusted, Check-Valid-Until ...), values verbatim. */
  options: Map<string, string>;
}

/** Names that a Debian archive's suite may have as its base; `bookworm-updates` has the base `bookworm`. */
const DEBIAN_SUITES = new Set(['stable', 'oldstable', 'oldoldstable', 'testing', 'unstable', 'sid', 'buster',
  'bullseye', 'bookworm', 'trixie', 'forky', 'duke']);
const SUFFIXES = new Map([['', ''], ['-updates', '-updates'], ['-security', '-security'],
  ['/updates', '-security']]);
/** Options of the one-line format and their deb822 fields, sources.list(5); others follow the same rule. */
const FIELD_NAMES = new Map([['signed-by', 'Signed-By'], ['trusted', 'Trusted'],
  ['check-valid-until', 'Check-Valid-Until'], ['valid-until-min', 'Valid-Until-Min'],
  ['valid-until-max', 'Valid-Until-Max'], ['check-date', 'Check-Date'], ['allow-insecure', 'Allow-Insecure'],
  ['by-hash', 'By-Hash']]);

export function parseOneLine(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) continue;
    const options = new Map<string, string>();
    for (const option of (match[1] ?? '').trim().split(/\s+/)) {
      const [key = '', ...value] = option.split('=');
      const field = FIELD_NAMES.get(key.toLowerCase());
      if (field !== undefined) options.set(field, value.join('=').split(',').join(' '));
    }
    const components = (match[4] ?? '').trim().split(/\s+/).filter((word) => word !== '');
    sources.push({ uris: [match[2] ?? ''], suites: [match[3] ?? ''], components, options });
  }
  return sources;
}

export function parseDeb822(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of lines.join('\n').split(/\n[ \t]*\n/)) {
    const fields = new Map<string, string>();
    let key = '';
    for (const line of stanza.split('\n')) {
      if (/^[ \t]/.test(line)) {
        if (key !== '') fields.set(key, `${fields.get(key) ?? ''}\n${line}`);
        continue;
      }
      const match = /^([A-Za-z0-9-]+):[ \t]*(.*)$/.exec(line);
      if (match === null) continue;
      key = (match[1] ?? '').toLowerCase();
      fields.set(key, match[2] ?? '');
    }
    const words = (name: string): string[] =>
      (fields.get(name) ?? '').split(/\s+/).filter((word) => word !== '');
    const enabled = words('enabled')[0] ?? 'yes';
    if (!words('types').includes('deb') || /^(no|false|0)$/i.test(enabled)) continue;
    const options = new Map<string, string>();
    for (const [name, field] of FIELD_NAMES) {
      const value = fields.get(name);
      if (value !== undefined) options.set(field, value);
    }
    sources.push({ uris: words('uris'), suites: words('suites'), components: words('components'), options });
  }
  return sources;
}

/** `bookworm-security` → `trixie-security`; undefined where no suite of the other release corresponds. */
export function replaceSuite(suite: string, wanted: string): string | undefined {
  const match = /^([a-z]+)(.*)$/.exec(suite);
  if (match === null || !DEBIAN_SUITES.has(match[1] ?? '')) return undefined;
  const suffix = SUFFIXES.get(match[2] ?? '');
  return suffix === undefined ? undefined : wanted + suffix;
}

function isDebianArchive(uri: string): boolean {
  const path = uri.replace(/^[a-z+]+:\/*/, '');
  return /(^|[./])debian\.org(\/|$)/.test(path)
    || path.split('/').some((part) => /^debian(-security)?(\.list)?$/.test(part));
}

/** Who signs Debian's archives is in a file of that name; another keyring means another archive. */
function isDebianKeyring(signedBy: string | undefined): boolean {
  return signedBy === undefined || !signedBy.includes('/') || signedBy.includes('debian-archive');
}

/**
 * The Debian archives among `sources`, for `suite`. With `suite` undefined the suites stay as they are.
 * `keyring` replaces who signs, where given.
 */
export function retarget(sources: readonly AptSource[], suite?: string, keyring?: string): AptSource[] {
  const out: AptSource[] = [];
  for (const source of sources) {
    const uris = source.uris.filter(isDebianArchive);
    const suites = source.suites.flatMap((name) => {
      const replaced = replaceSuite(name, suite ?? '');
      return replaced === undefined ? [] : [suite === undefined ? name : replaced];
    });
    if (uris.length === 0 || suites.length === 0 || !source.components.includes('main')) continue;
    if (!isDebianKeyring(source.options.get('Signed-By'))) continue;
    const options = new Map(source.options);
    if (keyring !== undefined) options.set('Signed-By', keyring);
    out.push({ uris, suites: [...new Set(suites)], components: ['main'], options });
  }
  return out;
}

/** deb822 text for the packages of `sources`. */
export function formatDeb822(sources: readonly AptSource[], architecture = 'amd64'): string {
  const stanzas = sources.map((source) => [
    'Types: deb',
    `URIs: ${source.uris.join(' ')}`,
    `Suites: ${source.suites.join(' ')}`,
    `Components: ${source.components.join(' ')}`,
    `Architectures: ${architecture}`,
    ...[...source.options].map(([field, value]) => `${field}:${value.startsWith('\n') ? '' : ' '}${value}`),
  ].join('\n'));
  return `${stanzas.join('\n\n')}\n`;
}
