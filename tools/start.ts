// npm start: builds what is stale, prepares the guest, serves the built page with isolation headers, prints
// the address. A guest that cannot be prepared here is no reason not to serve: the page takes a kernel and an
// initrd by file, too.

import { preview } from 'vite';
import { ROOT, buildCore, buildPage, run, runSteps, StepError } from './steps.ts';

function prepareGuest(): void {
  try {
    run('preparing the guest', 'tsx', ['tools/guest/main.ts', 'mini', 'firmware']);
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error('The page will offer no guest of its own; a kernel and an initrd by file or address still work.');
  }
}

await runSteps(async () => {
  buildCore();
  prepareGuest();
  buildPage();
  const wanted = process.env.PORT ?? process.argv.find((arg) => /^--port=\d+$/.test(arg))?.slice(7) ?? '4173';
  const server = await preview({ root: ROOT, preview: { port: Number(wanted), host: '127.0.0.1' } });
  const address = server.resolvedUrls?.local[0] ?? `http://127.0.0.1:${wanted}/`;
  console.log(`\nSkep is served at ${address}`);
  console.log(`Boot at once, with 2 CPUs: ${address}?guest=mini&smp=2&autostart`);
  console.log('Ctrl-C ends it.');
});
