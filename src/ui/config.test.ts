import { describe, expect, it } from 'vitest';
import {
  checkConfig, defaultConfig, defaultSmp, parseParameters, readBoot, readDrive, toQuery, writeDrive,
} from './config.ts';
import { driveFor } from './drives-form.ts';

describe('parseParameters', () => {
  it('gives the defaults for an empty query', () => {
    const parsed = parseParameters('', 2);
    expect(parsed).toEqual({ config: defaultConfig(2), autostart: false, view: 'serial', problems: [] });
  });

  it('reads every supported parameter', () => {
    const query = '?guest=custom&smp=8&ram=1024&cpu=v1&kernel=k/bzImage&initrd=https%3A%2F%2Fx.test%2Fi&append=a%20b'
      + '&hda=d.img,keep&hdb=https://x.test/e.img&cdrom=c.iso&fda=f.img&boot=dc,menu=9&screen=both&autostart';
    expect(parseParameters(query, 2)).toEqual({
      config: { guest: 'custom', smp: 8, ram: 1024, cpu: 'v1', kernel: 'k/bzImage',
        initrd: 'https://x.test/i', append: 'a b', hda: 'd.img,keep', hdb: 'https://x.test/e.img', cdrom: 'c.iso',
        fda: 'f.img', boot: 'dc,menu=9' },
      autostart: true,
      view: 'both',
      problems: [],
    });
  });

  it('refuses an unknown view', () => {
    const { view, problems } = parseParameters('?screen=1', 2);
    expect([view, problems]).toEqual(['serial', [expect.stringContaining('screen=1')]]);
  });

  it.each(['0', '999', '-1', '2.5', 'two', '', '1e1', '0x2'])('refuses smp=%s, names it and keeps the default', (smp) => {
    const { config, problems } = parseParameters(`?smp=${smp}`, 4);
    expect(config.smp).toBe(4);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(`smp=${smp} `);
    expect(problems[0]).toContain('from 1 to 16');
  });

  it.each(['8', '999999'])('refuses ram=%s with the limits', (ram) => {
    const { problems } = parseParameters(`?ram=${ram}`, 4);
    expect(problems[0]).toContain(`ram=${ram} `);
    expect(problems[0]).toMatch(/\d+ to \d+ MiB/);
  });

  it('names an unknown guest and the known ones', () => {
    const { config, problems } = parseParameters('?guest=windows', 4);
    expect(config.guest).toBe('mini');
    expect(problems[0]).toBe('guest=windows is unknown: choose one of mini, debian13, custom.');
  });

  it.each([['?guest=debian13', 1024], ['?guest=debian13&ram=512', 512], ['?guest=mini', 512]])(
    '%s has %i MiB of RAM', (query, ram) => {
      expect(parseParameters(query, 2).config.ram).toBe(ram);
    });

  it('refuses addresses that run code or read local files', () => {
    for (const kernel of ['javascript:alert(1)', 'file:///etc/passwd', 'data:text/plain,x']) {
      expect(parseParameters(`?kernel=${encodeURIComponent(kernel)}`, 2).problems).toHaveLength(1);
    }
  });

  it('says so when a parameter is of a later version or of no version', () => {
    const { problems } = parseParameters('?snapshot=a&frobnicate=1&constructor=2', 2);
    expect(problems[0]).toContain('no support for snapshots yet');
    expect(problems[1]).toContain('frobnicate is not a parameter');
    expect(problems[2]).toContain('constructor is not a parameter');
  });

  it('takes a kernel by address as a guest of one\'s own', () => {
    expect(parseParameters('?kernel=bzImage', 2).config.guest).toBe('custom');
  });

  it.each([['?autostart', true], ['?autostart=1', true], ['?autostart=0', false],
    ['?autostart=false', false]])(
    'autostart in %s is %s', (query, expected) => {
      expect(parseParameters(query, 2).autostart).toBe(expected);
    });
});

describe('drives', () => {
  it.each([['disk.img', 'disk.img', false], ['disk.img,keep', 'disk.img', true], [',keep', '', true],
    ['a,keep,b', 'a,keep,b', false], ['', '', false]])('%j is %j, kept %s', (text, address, keep) => {
    expect(readDrive(text)).toEqual({ address, keep });
    expect(writeDrive({ address, keep })).toBe(text);
  });

  it.each(['hda', 'hdb', 'cdrom', 'fda'])('a link with %s and no guest starts from it', (name) => {
    expect(parseParameters(`?${name}=x.img`, 2).config).toMatchObject({ guest: 'custom', [name]: 'x.img' });
    expect(parseParameters(`?guest=mini&${name}=x.img`, 2).config.guest).toBe('mini');
  });

  it.each(['cdrom=x.iso,keep', 'fda=x.img,keep', 'hda=file:///x', 'hdb=javascript:1,keep', 'boot=z', 'boot=cc',
    'boot=c,menu=x', 'boot=cdac'])('%s is refused with a sentence', (query) => {
    const { problems } = parseParameters(`?${query}`, 2);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(query.split(',')[0]);
  });

  it.each([['c', 'c', 0], ['dc,menu=12', 'dc', 12], ['menu=5', '', 5], ['', '', 0]])('boot %j', (text, order, menuS) => {
    expect(parseParameters(`?boot=${text}`, 2).problems).toEqual([]);
    expect(readBoot(text)).toEqual({ order, menuS });
  });

  it('the guest\'s own disk, kept, is in the link', () => {
    const config = { ...defaultConfig(2, 'debian13'), hda: ',keep' };
    expect(parseParameters(toQuery(config, 2, false), 2).config).toEqual(config);
  });

  it('the view is in the link', () => {
    expect(toQuery(defaultConfig(2), 2, false, 'both')).toBe('?smp=2&screen=both');
  });

  it.each([['x.iso', 5e6, 'cdrom'], ['boot.img', 1_474_560, 'fda'], ['boot.img', 1_474_561, 'hda'], ['x.ISO', 1_474_560, 'cdrom']])(
    'a dropped %s of %i bytes goes to %s', (name, bytes, drive) => {
      expect(driveFor(name, bytes, () => false)).toBe(drive);
    });

  it('a second disk goes to hdb, a third replaces the first', () => {
    expect(driveFor('x', 9e6, (name) => name === 'hda')).toBe('hdb');
    expect(driveFor('x', 9e6, () => true)).toBe('hda');
  });
});

describe('toQuery', () => {
  it('round-trips through parseParameters', () => {
    const config = { ...defaultConfig(2), guest: 'custom' as const, smp: 8, ram: 2048, kernel: 'a b&c',
      append: 'x="y z" &=#' };
    const parsed = parseParameters(toQuery(config, 2, true), 2);
    expect(parsed).toEqual({ config, autostart: true, view: 'serial', problems: [] });
  });

  it.each([512, 1024])('keeps the %i MiB of debian13', (ram) => {
    const config = { ...defaultConfig(2, 'debian13'), ram };
    const query = toQuery(config, 2, false);
    expect(query.includes('ram=')).toBe(ram !== 1024);
    expect(parseParameters(query, 2).config).toEqual(config);
  });

  it('always says the number of CPUs, because its default depends on the host', () => {
    expect(toQuery(defaultConfig(4), 4, false)).toBe('?smp=4');
  });
});

describe('checkConfig', () => {
  it('asks for a kernel of the guest of one\'s own', () => {
    const config = { ...defaultConfig(2), guest: 'custom' as const };
    expect(checkConfig(config, {})).toHaveLength(1);
    expect(checkConfig(config, { kernel: new File([], 'k') })).toEqual([]);
    expect(checkConfig({ ...config, kernel: 'k' }, {})).toEqual([]);
    expect(checkConfig({ ...config, cdrom: 'c.iso' }, {})).toEqual([]);
    expect(checkConfig(config, { fda: new File([], 'f') })).toEqual([]);
    expect(checkConfig({ ...config, kernel: 'k', boot: 'c' }, {})[0]).toContain('without firmware');
  });
});

it('says how much RAM fits beside many CPUs', () => {
  const config = { ...defaultConfig(2), smp: 16, ram: 3500 };
  const [problem] = checkConfig(config, {});
  expect(problem).toMatch(/^With 16 CPUs 3500 MiB of RAM do not fit: choose at most \d+ MiB\.$/);
  expect(checkConfig({ ...config, smp: 1, ram: 3000 }, {})).toEqual([]);
});

it('offers two CPUs at least and four at most by default', () => {
  expect([1, 2, 3, 4, 64].map(defaultSmp)).toEqual([2, 2, 2, 4, 4]);
});
