import { readFileSync } from 'node:fs';
import { build } from 'rolldown';

/**
 * Writes the code of a thread as one file over what the compiler wrote: every node is a thread, and one that loads 150 small modules takes
 * twice the processor time to start. Packages stay outside, but for zod, which is a hundred modules itself.
 */
const bundle = (file, banner) =>
  build({
    input: file,
    platform: 'node',
    external: /^(?![./]|zod$)/,
    output: { dir: 'dist/src/cluster', format: 'esm', entryFileNames: '[name].js', codeSplitting: false, banner },
    logLevel: 'warn',
  });

await bundle('src/cluster/node-worker.ts');
await bundle('src/cluster/host-thread.ts', `/*! With zod:\n${readFileSync('node_modules/zod/LICENSE', 'utf8')}*/`);
