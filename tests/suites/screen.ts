// The VGA console of a stock kernel: what it prints is what the screen shows, typed keys reach a shell on
// it, a long scroll ends at the right lines, and the picture has the text mode's size.

import { bootMini, type Shell } from '../lib/skep.ts';
import { check, sleep, type Suite } from '../lib/suite.ts';

const PATIENCE_MS = 30_000;
const LINES = 300;
const PNG_WIDTH_AT = 16;

/** Waits until the screen's text satisfies the condition. */
async function until(shell: Shell, what: string, condition: (lines: string[]) => boolean): Promise<void> {
  const start = performance.now();
  while (!condition(shell.vm.screen.text())) {
    check(performance.now() - start < PATIENCE_MS, `${what}; screen:\n${shell.vm.screen.text().join('\n')}`);
    await sleep(20);
  }
}

async function session(shell: Shell): Promise<void> {
  const { vm } = shell;
  const printed = (await shell.run('dmesg')).trimEnd().split('\n');
  const said = printed.find((line) => line.includes('Run /init')) ?? 'no such line';
  await until(shell, 'the kernel\'s last message is missing', (lines) => lines.includes(said.trimEnd()));
  await shell.run("(setsid sh -c 'exec sh </dev/tty1 >/dev/tty1 2>&1' &) ; sleep 1");
  await vm.keyboard.type('clear; echo "Typed: {[|]} ~!@#$%" $((6 * 7))\n');
  await until(shell, 'what was typed is missing', (lines) => lines.includes('Typed: {[|]} ~!@#$% 42'));
  await vm.keyboard.type(`clear; seq ${LINES}; echo end\n`);
  await until(shell, 'the end of the scroll is missing', (lines) => {
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

export async function screen(suite: Suite): Promise<void> {
  for (const cpus of [1, 2]) {
    await suite.test(`VGA console, ${cpus} CPU${cpus === 1 ? '' : 's'}`, async () => {
      const shell = await bootMini(cpus, 'console=tty0 console=ttyS0');
      try {
        await session(shell);
      } finally {
        await shell.vm.stop();
      }
    });
  }
}
