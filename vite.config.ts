// Bundles the page into dist/: a static folder that works from any path of any static host (base './').
// Dev and preview servers send the two headers that make a page cross-origin isolated, without which browsers
// give no shared memory; on hosts without headers public/isolation-worker.js does the same.

import { defineConfig } from 'vite';

const ISOLATION_HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
};

export default defineConfig({
  base: './',
  // A missing file is a 404, not the page.
  appType: 'mpa',
  build: {
    outDir: 'dist',
    // tools/steps.ts empties it; dist/node is the command line's.
    emptyOutDir: false,
    target: 'es2022',
    sourcemap: true,
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1000,
  },
  worker: { format: 'es' },
  server: {
    headers: ISOLATION_HEADERS,
    watch: { ignored: ['**/.cache/**', '**/build/**', '**/wasm/**', '**/public/guest/**'] },
  },
  preview: { headers: ISOLATION_HEADERS },
});
