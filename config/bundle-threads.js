import { build } from 'rolldown';

/**
 * Writes the code of a thread as one file over what the compiler wrote: every node is a thread, and one that loads 150 small modules takes
 * twice the processor time to start. Packages stay outside.
 */
const bundle = (file) =>
  build({
    input: file,
    platform: 'node',
    external: /^(?![./])/,
    output: { dir: 'dist/src/cluster', format: 'esm', entryFileNames: '[name].js', codeSplitting: false },
    logLevel: 'warn',
  });

await bundle('src/cluster/node-worker.ts');
await bundle('src/cluster/host-thread.ts');
