// Bundles the command line, its worker and the Node entry of the package into dist/node, and puts the core
// beside them.

import { copyFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function buildNode(): Promise<void> {
  await build({
    configFile: false, root, logLevel: 'warn', publicDir: false,
    ssr: { noExternal: true },
    build: {
      ssr: true, outDir: 'dist/node', emptyOutDir: true, target: 'node20', minify: false, sourcemap: true,
      rollupOptions: {
        input: { skep: `${root}/bin/skep.ts`, api: `${root}/src/api/node.ts`,
          'node-worker': `${root}/src/emu/workers/node-worker.ts`,
          'io-node-worker': `${root}/src/emu/workers/io-node-worker.ts` },
        output: { entryFileNames: '[name].js', chunkFileNames: '[name].js' },
      },
    },
  });
  const core = `${root}/build/skep.wasm`;
  if (existsSync(core)) copyFileSync(core, `${root}/dist/node/skep.wasm`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildNode();
