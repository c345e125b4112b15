/**
 * What a module may import, beside itself. A module is a folder of src, or the whole of eval; `src/index.ts` is a module of its own.
 * A name is a module, or one file as `module/file` (`*` stands for any part of a file's name). Behind `type ` only `import type` is allowed.
 */
export interface ModuleRules {
  readonly own: readonly string[];
  /** Packages, by name; `node:` allows the modules of Node.js. */
  readonly packages: readonly string[];
}

const PORTS = ['storage/port', 'storage/errors', 'transport/port', 'transport/peer-frame'];

export const LAYERING: Readonly<Record<string, ModuleRules>> = {
  base: { own: [], packages: [] },
  // What has to hold of the process before anything else is loaded.
  runtime: { own: ['base'], packages: [] },
  raft: { own: ['base'], packages: [] },
  // What clients and nodes say to each other, and how it is written.
  protocol: { own: ['base'], packages: [] },
  queue: { own: ['base', 'protocol', 'type storage/port'], packages: [] },
  // One node's turn knows only ports and the shapes of what goes through them.
  node: { own: ['base', 'protocol', 'raft', 'queue', ...PORTS], packages: [] },
  // Of raft the adapters know what they carry and keep, not how it decides.
  storage: {
    own: ['base', 'raft/entry', 'raft/configuration-codec', 'type raft', 'type node/event', 'type node/ports'],
    packages: ['node:', 'better-sqlite3'],
  },
  transport: {
    own: ['base', 'raft/message-codec', 'type raft', 'type node/event', 'type node/ports'],
    packages: ['node:'],
  },
  // Timings and limits have one home each, beside the code that obeys them; the configuration describes them.
  config: { own: ['base', 'raft/config', 'node/limits'], packages: ['node:', 'zod', 'yaml', 'commander'] },
  logs: { own: ['base', 'type node/event', 'raft/message', 'type raft'], packages: ['node:', 'pino', 'zod'] },
  client: { own: ['base', 'protocol'], packages: ['node:', 'piscina', 'zod'] },
  cluster: {
    own: [
      'base',
      'protocol',
      'raft/config',
      'raft/entry',
      'raft/quorum',
      'type raft',
      'queue/record',
      'node',
      'storage',
      'transport',
      'client',
      'logs',
      'config',
    ],
    packages: ['node:', 'zod'],
  },
  sim: {
    // Of the client what keeps its calls, without promises.
    own: [
      'runtime/check',
      'base',
      'protocol',
      'raft',
      'queue',
      'node',
      'storage',
      'transport',
      'client/client-options',
      'client/connection',
      'type client/endpoint',
      'client/errors',
      'client/pipeline',
    ],
    packages: ['node:', 'piscina', 'cli-progress', 'commander'],
  },
  server: { own: ['base', 'node', 'transport', 'client', 'cluster', 'logs', 'config'], packages: ['node:'] },
  // The public surface: it gathers, and nothing of src but the command line imports it.
  index: {
    own: [
      'runtime/check',
      'base',
      'client',
      'cluster',
      'config',
      'protocol',
      'type queue',
      'type node',
      'raft/config',
      'node/limits',
      'type raft',
      'type transport',
      'storage/errors',
      'logs',
    ],
    packages: [],
  },
  cli: { own: ['runtime/check', 'index', 'base', 'config', 'logs'], packages: ['node:', 'commander'] },
  // Measures single parts, so it alone of the evaluation looks behind the public surface.
  'eval/micro': {
    own: ['runtime/check', 'base', 'protocol', 'raft', 'queue', 'storage', 'transport/peer-frame', 'eval'],
    packages: ['node:', 'commander', 'csv-stringify', 'tinybench'],
  },
  // Runs clients under real faults, and has their histories checked.
  'eval/soak': { own: ['runtime/check', 'index', 'base', 'sim/history/*', 'sim/checkers/*', 'eval'], packages: ['node:', 'commander'] },
  // Breaks a copy of the source on purpose, and lets the simulator find out.
  'eval/mutants': {
    own: ['runtime/check', 'base', 'eval'],
    packages: ['node:', 'commander', 'csv-stringify', 'typescript', 'cli-progress'],
  },
  // A package of its own, so that users and developers of this one do not install other systems' clients.
  'eval/peers': {
    own: ['runtime/check', 'index', 'base', 'eval'],
    packages: ['node:', 'commander', 'csv-stringify', 'etcd3', '@nats-io', 'amqplib', 'bullmq', 'ioredis', 'pg', 'pg-boss'],
  },
  eval: {
    own: ['runtime/check', 'index', 'base', 'config', 'logs'],
    packages: [
      'node:',
      'commander',
      'zod',
      'yaml',
      'csv-stringify',
      'csv-parse',
      'vega',
      'vega-lite',
      '@resvg/resvg-js',
      'hdr-histogram-js',
      'cli-progress',
      'tinybench',
      'better-sqlite3',
    ],
  },
};
