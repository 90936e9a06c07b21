import { expect, test } from 'vitest';
import { formatDeb822, parseDeb822, parseOneLine, replaceSuite, retarget } from './sources.ts';

const ONE_LINE = `# a comment
deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://archive.example/debian \
bookworm main contrib # x
deb-src http://archive.example/debian bookworm main
#deb http://archive.example/debian bookworm-backports main
deb http://archive.example/debian-security bookworm-security main
deb http://archive.example/debian bookworm-backports main
deb [signed-by=/etc/apt/keyrings/other.gpg] http://other.example/debian bookworm main
deb http://other.example/apt stable main
`.replace('\\\n', '');

const DEB822 = `Types: deb deb-src
# where it comes from
URIs: http://archive.example/debian
Suites: bookworm bookworm-updates
Components: main non-free-firmware
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://archive.example/debian
Suites: bookworm-security
Components: main
Enabled: no

Types: deb
URIs: mirror+file:///etc/apt/mirrors/debian-security.list
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 AAAA
`;

test('one-line sources keep address and signer, and lose what is not Debian', () => {
  const sources = retarget(parseOneLine(ONE_LINE), 'trixie');
  expect(sources.map((source) => [source.uris, source.suites])).toEqual([
    [['http://archive.example/debian'], ['trixie']],
    [['http://archive.example/debian-security'], ['trixie-security']],
  ]);
  expect(sources[0]?.options.get('Signed-By')).toBe('/usr/share/keyrings/debian-archive-keyring.gpg');
});

test('deb822 sources keep several suites and an embedded key', () => {
  expect(formatDeb822(retarget(parseDeb822(DEB822), 'trixie'))).toBe(`Types: deb
URIs: http://archive.example/debian
Suites: trixie trixie-updates
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: mirror+file:///etc/apt/mirrors/debian-security.list
Suites: trixie-security
Components: main
Architectures: amd64
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 AAAA
`);
});

test('suites map by suffix', () => {
  expect(replaceSuite('bookworm', 'trixie')).toBe('trixie');
  expect(replaceSuite('stable-updates', 'trixie')).toBe('trixie-updates');
  expect(replaceSuite('buster/updates', 'trixie')).toBe('trixie-security');
  expect(replaceSuite('bookworm-backports', 'trixie')).toBeUndefined();
  expect(replaceSuite('bookworm-pgdg', 'trixie')).toBeUndefined();
  expect(replaceSuite('noble', 'trixie')).toBeUndefined();
});

test('without a suite the archives stay as they are, and a keyring replaces the signer', () => {
  const sources = retarget(parseOneLine(ONE_LINE), undefined, '/tmp/key.gpg');
  expect(sources.map((source) => source.suites)).toEqual([['bookworm'], ['bookworm-security']]);
  expect(sources.map((source) => source.options.get('Signed-By'))).toEqual(['/tmp/key.gpg', '/tmp/key.gpg']);
});
