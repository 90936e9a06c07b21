// Bundles the page into dist/: a static folder that works from any path of any static host (base './').
// Dev and preview servers send the headers that make a page cross-origin isolated, without which browsers
// give no shared memory; on hosts without headers public/isolation-worker.js does the same. Large guests are
// left out of dist/ unless SKEP_GUESTS=all; the servers have them from public/.

import { fileURLToPath } from 'node:url';
import { defineConfig, type HtmlTagDescriptor, type Plugin } from 'vite';
import { copyPublic } from './tools/public-files.ts';
import { fileFor, ISOLATION_HEADERS, sendFile } from './tools/static-files.ts';

const PUBLIC = fileURLToPath(new URL('public', import.meta.url));
const DIST = fileURLToPath(new URL('dist', import.meta.url));

const publicFiles: Plugin = {
  name: 'skep-public-files',
  closeBundle() {
    copyPublic(PUBLIC, DIST, process.env.SKEP_GUESTS === 'all');
  },
  configurePreviewServer(server) {
    server.middlewares.use((request, response, next) => {
      const { url = '/', method } = request;
      const guest = /^\/guest\//.test(url) && (method === 'GET' || method === 'HEAD')
        && fileFor(DIST, url) === undefined ? fileFor(PUBLIC, url) : undefined;
      if (guest === undefined) next();
      else sendFile(guest, request, response, ISOLATION_HEADERS);
    });
  },
};

/**
 * What the first screen does not need but a machine does comes behind it, without waiting for the script that
 * asks for it.
 */
const preloads: Plugin = {
  name: 'skep-preloads',
  transformIndexHtml: {
    order: 'post',
    handler(_html, { bundle }) {
      const files = Object.keys(bundle ?? {});
      const hint = (file: string, rel: string, as: string): HtmlTagDescriptor =>
        ({ tag: 'link', injectTo: 'head', attrs: { rel, as, href: `./${file}`, crossorigin: true, fetchpriority: 'low' } });
      return [...files.filter((file) => /terminal-view-[^/]*\.js$/.test(file))
        .map((file) => hint(file, 'modulepreload', 'script')),
        ...files.filter((file) => file.endsWith('.wasm')).map((file) => hint(file, 'preload', 'fetch'))];
    },
  },
};

export default defineConfig({
  base: './',
  // A missing file is a 404, not the page.
  appType: 'mpa',
  plugins: [publicFiles, preloads],
  build: {
    outDir: 'dist',
    // tools/steps.ts empties it; dist/node is the command line's.
    emptyOutDir: false,
    copyPublicDir: false,
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
