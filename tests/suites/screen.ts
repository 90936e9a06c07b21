// What a guest shows and what is typed on it. The VGA console of a stock kernel: what it prints is what the
// screen shows, typed keys reach a shell on it, a long scroll ends at the right lines. bochs-drm: a
// framebuffer console of 1024x768 whose text is read back from the picture. GRUB's rescue CD through SeaBIOS
// and its VGA BIOS: menu, prompt, commands typed through the BIOS's keyboard buffer.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bootMini, loadApi, ROOT, type Shell } from '../lib/skep.ts';
import { check, sleep, type Suite } from '../lib/suite.ts';

type Machine = Shell['vm'];

const FILES = join(ROOT, '.cache/guest/screen-test');
const PATIENCE_MS = 60_000;
const LINES = 300;
const PNG_WIDTH_AT = 16;

/** Waits until the screen's text satisfies the condition. */
async function until(vm: Machine, what: string, condition: (lines: string[]) => boolean): Promise<void> {
  const start = performance.now();
  while (!condition(vm.screen.text())) {
    check(performance.now() - start < PATIENCE_MS, `${what}; screen:\n${vm.screen.text().join('\n')}`);
    await sleep(20);
  }
}

async function session(shell: Shell): Promise<void> {
  const { vm } = shell;
  const printed = (await shell.run('dmesg')).trimEnd().split('\n');
  const said = printed.find((line) => line.includes('Run /init')) ?? 'no such line';
  await until(vm, 'the kernel\'s last message is missing', (lines) => lines.includes(said.trimEnd()));
  await until(vm, 'the shell on tty1 is missing', (lines) => lines.some((line) => line.startsWith('mini:~#')));
  await vm.keyboard.type('clear; echo "Typed: {[|]} ~!@#$%" $((6 * 7))\n');
  await until(vm, 'what was typed is missing', (lines) => lines.includes('Typed: {[|]} ~!@#$% 42'));
  await vm.keyboard.type(`clear; seq ${LINES}; echo end\n`);
  await until(vm, 'the end of the scroll is missing', (lines) => {
    const last = lines.lastIndexOf('end');
    return last > 20 && lines.slice(0, last).every((line, n) => line === String(LINES - last + 1 + n));
  });
  const png = Buffer.from(await vm.screen.screenshot());
  check(png.readUInt32BE(PNG_WIDTH_AT) === 720 && png.readUInt32BE(PNG_WIDTH_AT + 4) === 400,
    'the picture is not 720x400');
  vm.keyboard.combination('ControlLeft', 'KeyL');
  await vm.keyboard.type('exit\n');
  check((await shell.run('nproc')).trim() === String(vm.cpus), 'the serial shell does not answer afterwards');
}

const FB = { width: 1024, height: 768, cellWidth: 8, cellHeight: 16 } as const;
const FB_COLUMNS = FB.width / FB.cellWidth;
/** Every character that is to be read, once. */
const ALPHABET = Array.from({ length: 94 }, (_, n) => String.fromCharCode(33 + n)).join('');

/** The cells of a line of text of the framebuffer console, each as its pixels. */
function cellsOf(vm: Machine, line: number): string[] {
  const { width, rgba } = vm.screen.capture();
  return Array.from({ length: FB_COLUMNS }, (_, column) => {
    let pixels = '';
    for (let y = line * FB.cellHeight; y < (line + 1) * FB.cellHeight; y++) {
      for (let x = column * FB.cellWidth; x < (column + 1) * FB.cellWidth; x++) {
        pixels += (rgba[(y * width + x) * 4] ?? 0) > 64 ? '#' : '.';
      }
    }
    return pixels;
  });
}

/** Learns the font from a line that is known, and reads others with it. */
async function readFramebuffer(shell: Shell): Promise<void> {
  const { vm } = shell;
  const quoted = ALPHABET.replaceAll("'", "'\\''");
  await shell.run(`printf '\\033[2J\\033[H\\033[?25l%s\\nSkep: 128 columns, 48 rows (%s)' '${quoted}' "$((6 * 7))" > /dev/tty0`);
  const font = new Map<string, string>();
  const start = performance.now();
  for (;;) {
    cellsOf(vm, 0).slice(0, ALPHABET.length).forEach((pixels, n) => font.set(pixels, ALPHABET[n] ?? ''));
    if (font.size >= ALPHABET.length) break;
    check(performance.now() - start < PATIENCE_MS, `${font.size} different characters are seen, not ${ALPHABET.length}`);
    font.clear();
    await sleep(50);
  }
  check(font.size === ALPHABET.length, `${font.size} different characters`);
  const seen = cellsOf(vm, 1).map((pixels) => font.get(pixels) ?? ' ').join('').trimEnd();
  check(seen === 'Skep: 128 columns, 48 rows (42)', `the second line is "${seen}"`);
}

/**
 * A mouse with a wheel and five buttons; movement, a click and the wheel arrive as the guest's driver tells
 * them.
 */
async function mouseWorks(shell: Shell): Promise<void> {
  const { vm } = shell;
  await shell.run('for n in $(seq 50); do dmesg | grep -q "ImExPS/2" && break; sleep 0.2; done');
  const log = await shell.run('dmesg | grep -i "ps/2"');
  check(/ImExPS\/2 Generic Explorer Mouse/.test(log), `the driver sees no mouse with five buttons: ${log}`);
  // The device gives packets of three bytes: buttons, dx, dy.
  const printed = shell.run('dd if=/dev/input/mice bs=3 count=3 2>/dev/null | hexdump -v -e \'1/1 "%d "\'; echo');
  await sleep(1500);
  vm.mouse.move(30, -20);
  await sleep(100);
  vm.mouse.button('right', true);
  await sleep(100);
  vm.mouse.button('right', false);
  const bytes = (await printed).trim().split(/\s+/).map(Number);
  check(bytes.join() === [8, 30, 20, 10, 0, 0, 8, 0, 0].join(), `the mouse says ${bytes.join(' ')}`);
}

/** The guest's Caps Lock light comes back to the host. */
async function lightsWork(shell: Shell): Promise<void> {
  const { vm } = shell;
  const start = performance.now();
  vm.keyboard.combination('CapsLock');
  while (!vm.keyboard.leds.capsLock) {
    check(performance.now() - start < PATIENCE_MS, `the lights are ${JSON.stringify(vm.keyboard.leds)}`);
    await sleep(20);
  }
  vm.keyboard.combination('CapsLock');
}

async function framebuffer(shell: Shell): Promise<void> {
  const { vm } = shell;
  await shell.run('for m in /modules/*; do insmod $m; done');
  const start = performance.now();
  while (vm.screen.info.width !== FB.width) {
    check(performance.now() - start < PATIENCE_MS, `the screen is ${JSON.stringify(vm.screen.info)}`);
    await sleep(50);
  }
  const { kind, height, bpp } = vm.screen.info;
  check(kind === 'vbe' && height === FB.height && bpp === 32, `the screen is ${JSON.stringify(vm.screen.info)}`);
  const log = await shell.run('dmesg | grep -E "fb0|frame buffer"');
  check(/colour frame buffer device 128x48/.test(log), `the kernel's log: ${log}`);
  await readFramebuffer(shell);
  await lightsWork(shell);
  await mouseWorks(shell);
  const png = Buffer.from(await vm.screen.screenshot());
  check(png.readUInt32BE(PNG_WIDTH_AT) === FB.width && png.readUInt32BE(PNG_WIDTH_AT + 4) === FB.height,
    'the picture is not 1024x768');
}

/** The rescue CD: a menu, then its prompt, which takes commands and answers them. */
async function rescueCd(): Promise<void> {
  const { Skep } = await loadApi();
  const vm = await Skep.create({ cdrom: join(FILES, 'grub-rescue.iso'), memory: 64,
    guestBase: pathToFileURL(join(ROOT, 'public/guest/')) });
  try {
    vm.start();
    const shows = (text: string) => (lines: string[]): boolean => lines.some((line) => line.includes(text));
    await until(vm, 'GRUB shows no menu', shows('GNU GRUB'));
    await until(vm, 'the menu is not complete', shows('for a command-line'));
    await vm.keyboard.type('c');
    await until(vm, 'GRUB shows no prompt', shows('grub>'));
    check(await vm.keyboard.type('ls\n') === 0, 'keys were left out');
    await until(vm, 'ls does not list the CD', shows('(cd)'));
    // Longer than the BIOS's buffer of 15 keys, and with every shifted key.
    const text = '0123456789 {[|]} ~!@#%^&*()_+:<>? the quick brown fox JUMPS over the lazy dog';
    await vm.keyboard.type(`clear\necho '${text}'\n`);
    await until(vm, 'the command\'s answer is missing', (lines) => lines.includes(text));
  } finally {
    await vm.stop();
  }
}

export async function screen(suite: Suite): Promise<void> {
  for (const cpus of [1, 2]) {
    await suite.test(`VGA console, ${cpus} CPU${cpus === 1 ? '' : 's'}`, async () => {
      const shell = await bootMini(cpus);
      try {
        await session(shell);
      } finally {
        await shell.vm.stop();
      }
    });
  }
  await suite.test('bochs-drm: a console of 1024x768; mouse and lights', async () => {
    check(existsSync(join(FILES, 'modules.cpio')), 'npm run guest -- screen-test has not been run');
    const initrd = [join(ROOT, 'public/guest/mini/initrd'), join(FILES, 'modules.cpio')];
    const shell = await bootMini(2, 'console=tty0 console=ttyS0', { initrd });
    try {
      await framebuffer(shell);
    } finally {
      await shell.vm.stop();
    }
  });
  await suite.test('GRUB rescue CD: menu, prompt, commands', rescueCd);
}
