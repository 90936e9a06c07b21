// The command line. Exit status: see USAGE; 2 also for every mistake in the arguments and files that they
// name.

import { SkepError } from '../src/api/errors.ts';
import { parseCommand, USAGE } from './args.ts';
import { benchCommand, checkoutCommand } from './bench.ts';
import { bootCommand, EXIT } from './boot.ts';
import { imageCommand } from './image.ts';
import { serveCommand } from './serve.ts';
import { version } from './version.ts';

async function main(argv: readonly string[]): Promise<number> {
  const command = parseCommand(argv);
  switch (command.name) {
    case 'help':
      process.stdout.write(`${USAGE}\n`);
      return EXIT.OK;
    case 'version':
      process.stdout.write(`skep ${version()}\n`);
      return EXIT.OK;
    case 'boot': return bootCommand(command.args);
    case 'serve': return serveCommand(command.args);
    case 'image': return imageCommand(command.guests);
    case 'compare': return checkoutCommand('bench/compare/main.ts', command.argv);
    case 'isa-coverage': return checkoutCommand('tools/isa-judge/coverage.ts', command.argv);
    case 'bench': return benchCommand(command);
  }
}

/** Errors that are the machine's, not the caller's. */
const MACHINE_FAULTS = new Set(['worker-died', 'core-panic', 'guest-crashed', 'core-missing']);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof SkepError)) throw error;
  process.stderr.write(`skep: ${error.message}\n`);
  process.exitCode = MACHINE_FAULTS.has(error.code) ? EXIT.CRASHED : EXIT.USAGE;
}
