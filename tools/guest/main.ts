// npx tsx tools/guest/main.ts [--refresh] [mini] [firmware] [debian13] [screen-test] [guests-test]
// Prepares guests, and the firmware for disk images, in public/guest from Debian packages, and what the
// suites `screen` and `guests` boot. Without a name: the small ones. Exit status: 0 there, 1 cannot be made,
// 2 bad usage.

import { fileURLToPath } from 'node:url';
import { GuestError } from './apt.ts';
import { prepareFirmware } from './firmware.ts';
import { prepareGuestsTest } from './guests-test.ts';
import { prepareDebian13 } from './debian13.ts';
import { prepareMini } from './mini.ts';
import { prepareScreenTest } from './screen-test.ts';

const USAGE = 'usage: main.ts [--refresh] [mini] [firmware] [debian13] [screen-test] [guests-test]';
/** What is made where nobody names one: debian13 takes minutes and 200 MB. */
const SMALL = ['mini', 'firmware'];
const MAKERS = { mini: prepareMini, debian13: prepareDebian13, firmware: prepareFirmware,
  'screen-test': prepareScreenTest, 'guests-test': prepareGuestsTest };

async function main(args: readonly string[]): Promise<number> {
  const refresh = args.includes('--refresh');
  const names = args.filter((arg) => arg !== '--refresh');
  const root = fileURLToPath(new URL('../..', import.meta.url));
  for (const name of names.length === 0 ? SMALL : names) {
    const make = MAKERS[name as keyof typeof MAKERS];
    if (make === undefined) {
      console.error(`There is no guest "${name}"; known guests: ${Object.keys(MAKERS).join(', ')}. ${USAGE}`);
      return 2;
    }
    let worked = false;
    const log = (line: string): void => {
      worked = true;
      console.log(`guest ${name}: ${line}`);
    };
    const manifest = await make({ root, log, refresh });
    const verb = worked ? 'made' : 'is there';
    console.log(`guest ${name} ${verb}: ${manifest.title}, ${(manifest.bytes / 1e6).toFixed(1)} MB`);
  }
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GuestError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
