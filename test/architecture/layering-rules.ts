/**
 * Allowed imports of each module, besides its own files. A module is a folder of src or of eval; `src/index.ts` is a separate module, and so
 * are eval's entry points. A name is a module, or one file as `module/file` (`*` matches any part of a file's name). After `type ` only `import type` is
 * allowed.
 */
export interface ModuleRules {
  readonly own: readonly string[];
  /** Packages, by name; `node:` allows the modules of Node.js. */
  readonly packages: readonly string[];
}

const PORTS = ['storage/port', 'storage/errors', 'transport/port', 'transport/peer-frame'];

export const LAYERING: Readonly<Record<string, ModuleRules>> = {
  base: { own: [], packages: [] },
  // Checks of the process before anything else is loaded.
  runtime: { own: ['base'], packages: [] },
  // Locks and changes of files, for every module that writes some.
  files: { own: ['base'], packages: ['node:', 'better-sqlite3'] },
  raft: { own: ['base'], packages: [] },
  // The messages between clients and nodes, and their encoding.
  protocol: { own: ['base'], packages: [] },
  // It implements the state machine that a node owns the port of.
  queue: { own: ['base', 'protocol', 'type node/state-machine', 'type node/request-policy'], packages: [] },
  // One node's turn depends only on ports and the types that pass through them.
  node: { own: ['base', 'protocol', 'raft', ...PORTS], packages: [] },
  // The times of cron patterns, for the leader's job schedulers.
  patterns: { own: ['type queue/requests/pattern-times'], packages: ['croner'] },
  // Adapters depend on the data of raft, not on its logic.
  storage: {
    own: [
      'base',
      'files',
      'encryption',
      'type protocol/record',
      'raft/entry',
      'raft/configuration-codec',
      'type raft',
      'type node/event',
      'type node/ports',
    ],
    packages: ['node:', 'better-sqlite3'],
  },
  transport: {
    own: [
      'base',
      'raft/message-codec',
      'raft/configuration-codec',
      'raft/entry',
      'security',
      'type raft',
      'type node/event',
      'type node/ports',
    ],
    packages: ['node:', '@grpc'],
  },
  // Timings and limits are defined once, beside the code that uses them; the configuration describes them.
  // Certificates, and what they say about their owners.
  // Keys for encryption at rest, and records encrypted with them.
  encryption: { own: ['base', 'files'], packages: ['node:'] },
  security: { own: ['base', 'files', 'type protocol/permission'], packages: ['node:', '@peculiar/x509', 'reflect-metadata', 'zod'] },
  config: {
    own: ['base', 'encryption/read-keys', 'raft/config', 'node/limits', 'queue/limits', 'type security/tls-files'],
    packages: ['node:', 'zod', 'yaml', 'commander', 'fast-xml-parser'],
  },
  logs: { own: ['base', 'type node/event', 'raft/message', 'type raft'], packages: ['node:', 'pino', 'zod'] },
  // What a scrape shows of a node: read where the node runs, shown by prom-client where the scrape is made.
  metrics: {
    own: ['base', 'raft/message', 'node/measurements', 'type node', 'queue/queue-measurements', 'type queue'],
    packages: ['node:', 'prom-client'],
  },
  // Spans; the application registers what becomes of them.
  tracing: { own: [], packages: ['node:', '@opentelemetry'] },
  client: { own: ['base', 'protocol', 'tracing'], packages: ['node:', 'piscina', 'zod'] },
  // What a cluster has in one file, and files of new nodes from it; for clusters in one process and nodes that are processes.
  backup: {
    own: [
      'base',
      'files',
      'encryption',
      'raft/entry',
      'queue/record',
      'node/snapshot-transfer',
      'storage',
      'client/errors',
      'type protocol/client-frame',
    ],
    packages: ['node:', 'zod'],
  },
  cluster: {
    own: [
      'base',
      'files',
      'backup',
      'encryption',
      'protocol',
      'raft/config',
      'raft/entry',
      'raft/quorum',
      'type raft',
      'patterns',
      'queue/open-job-queue',
      'queue/record',
      'type queue',
      'node',
      'storage',
      'transport',
      'client',
      'logs',
      'metrics',
      'tracing',
      'config',
    ],
    packages: ['node:', 'zod'],
  },
  // The second entry of the package: what users need in their tests. Nothing of the first entry imports it.
  testing: {
    own: [
      'runtime/check',
      'base',
      'protocol',
      'raft/config',
      'raft/entry',
      'patterns',
      'queue',
      'node',
      'storage',
      'transport',
      'client',
      'cluster',
      'config',
    ],
    packages: ['node:', 'zod'],
  },
  // Recorded histories of clients, and their checkers; also for the soak and the scenarios.
  history: { own: ['base', 'protocol', 'type client/endpoint'], packages: [] },
  sim: {
    // The part of the client that delivers its calls, without promises.
    own: [
      'runtime/check',
      'history',
      'base',
      'config/limits',
      'protocol',
      'raft',
      'queue',
      'node',
      'storage',
      'transport',
      'client/client-options',
      'client/delivery/connection',
      'type client/endpoint',
      'client/errors',
      'client/delivery/dispatcher',
      'type client/delivery/host',
      'type client/delivery/pending-operation',
    ],
    packages: ['node:', 'piscina', 'cli-progress', 'commander'],
  },
  // One node as a process, which composes the adapters as cluster/node-worker does for a thread.
  server: {
    own: [
      'runtime/check',
      'base',
      'files',
      'backup',
      'encryption',
      'raft/configuration-codec',
      'raft/configuration-log',
      'raft/entry',
      'raft/membership',
      'raft/quorum',
      'patterns',
      'queue/open-job-queue',
      'queue/record',
      'type queue',
      'node',
      'storage',
      'transport',
      // It calls its own cluster for clients of other languages.
      'client',
      'remote/remote-node',
      'protocol',
      'cluster/turn-loop',
      'cluster/cluster-arguments',
      'cluster/exclusive',
      'cluster/membership-controller',
      'cluster/rebuilds',
      'logs',
      'metrics',
      'security',
      'tracing',
      'config',
    ],
    packages: ['node:', 'zod', '@grpc', 'prom-client'],
  },
  // The connection to nodes that are processes.
  remote: {
    own: [
      'runtime/check',
      'base',
      'backup/backup-error',
      'backup/new-backup',
      'type backup',
      'type protocol',
      'client',
      'config',
      'security/tls-files',
      'security/token-source',
      'transport',
      'cluster/cluster-arguments',
      'cluster/membership-controller',
      'type cluster/take-backup',
    ],
    packages: ['node:', 'zod', '@grpc'],
  },
  // The public API: it only re-exports, and within src only the command line imports it.
  index: {
    own: [
      'runtime/check',
      'base',
      'backup/backup-error',
      'client',
      'cluster',
      'config',
      'protocol',
      'type queue',
      'type node',
      'raft/config',
      'type raft',
      'type transport',
      'storage/errors',
      'logs',
      'type encryption',
      'type metrics',
    ],
    packages: [],
  },
  // Besides the public API: whether a folder has a cluster, and whether a processor's file exists, before a cluster is opened or created;
  // the simulator.
  cli: {
    own: [
      'runtime/check',
      'index',
      'remote/index',
      'server/index',
      'base',
      'logs',
      'cluster/shared/folder-nodes',
      'client/sandbox/processor-file',
      'config',
      'encryption/key-file',
      'security',
      'sim/sim-options',
      'sim/simulation',
    ],
    packages: ['node:', 'commander'],
  },
  // The evaluation: what measures, then what measured data becomes. Clock, statistics, environment and results folder serve all.
  'eval/measuring': { own: ['base'], packages: ['node:', 'commander', 'zod', 'hdr-histogram-js', 'cli-progress'] },
  // Loads and their steady state, for all that measure: replay, bench and peers.
  'eval/load': { own: ['index', 'base', 'eval/measuring'], packages: ['node:', 'hdr-histogram-js'] },
  'eval/replay': {
    own: ['index', 'base', 'type config', 'eval/measuring', 'eval/load'],
    packages: ['node:', 'zod', 'yaml', 'csv-stringify', 'csv-parse'],
  },
  // Clusters whose nodes are processes, and the connections between them.
  'eval/processes': {
    own: [
      ...['index', 'server/index', 'security', 'type config', 'eval/measuring'],
      // A client that keeps to the nodes' own addresses, which no user's does.
      ...['remote/remote-node', 'transport/grpc/channel-security', 'transport/handshake'],
    ],
    packages: ['node:'],
  },
  'eval/bench': {
    own: ['index', 'testing/index', 'remote/index', 'base', 'type config', 'eval/measuring', 'eval/load', 'eval/processes'],
    packages: ['node:', 'zod', 'csv-stringify', 'csv-parse', 'better-sqlite3'],
  },
  // What the report's questions need beyond replay and bench. Some compose the system from internal modules, as no user can.
  'eval/questions': {
    own: [
      'runtime/check',
      'index',
      'testing/index',
      ...['base', 'protocol', 'raft', 'patterns', 'queue', 'node', 'storage', 'transport', 'client', 'cluster', 'config', 'sim', 'history'],
      'eval/measuring',
      'eval/load',
      'eval/processes',
      'eval/bench',
      'eval/soak',
    ],
    packages: ['node:', 'zod', 'csv-stringify', 'csv-parse', 'better-sqlite3', 'piscina'],
  },
  'eval/profile': { own: ['runtime/check', 'config', 'eval/bench'], packages: ['node:', 'zod'] },
  // Measures single parts, so it may import internal modules.
  'eval/micro': { own: ['base', 'protocol', 'raft', 'queue', 'storage', 'transport/peer-frame'], packages: ['tinybench'] },
  // From the CSVs to pictures, and to the pages that show them.
  'eval/charts': {
    own: ['eval/measuring', 'eval/replay', 'eval/bench', 'eval/profile', 'eval/questions'],
    packages: ['node:', 'zod', 'csv-parse', 'vega', 'vega-lite', '@resvg/resvg-js'],
  },
  'eval/report': {
    own: ['eval/measuring', 'eval/replay', 'eval/bench', 'eval/charts', 'eval/questions'],
    packages: ['node:', 'zod', 'csv-parse'],
  },
  // Runs the other commands, each in a process of its own.
  'eval/full': { own: ['eval/measuring', 'eval/questions'], packages: ['node:', 'zod', 'csv-parse'] },
  // Runs clients under real faults, and checks their histories.
  'eval/soak': {
    own: ['runtime/check', 'index', 'testing/index', 'remote/index', 'base', 'history', 'eval/measuring', 'eval/processes'],
    packages: ['node:', 'commander'],
  },
  // Injects bugs into a copy of the source, which the simulator has to find.
  'eval/mutants': { own: ['eval/measuring'], packages: ['node:', 'typescript'] },
  'eval/node-versions': { own: ['eval/measuring'], packages: ['node:', 'commander', 'zod'] },
  // Processes of two builds on one cluster, and a look at what they left.
  'eval/upgrade': {
    own: [
      ...['runtime/check', 'index', 'remote/index', 'base/text-table'],
      ...['eval/measuring', 'eval/processes', 'eval/node-versions/install-node'],
    ],
    packages: ['node:', 'commander'],
  },
  // Clients that misbehave, beside one that does not.
  'eval/scale': {
    own: ['runtime/check', 'index', 'testing/index', 'eval/measuring'],
    packages: ['node:', 'commander', 'csv-stringify', 'zod'],
  },
  'eval/crowd': {
    own: [
      ...['runtime/check', 'index', 'remote/index', 'server/index', 'security/certificate-folder', 'security/token-file'],
      ...['eval/measuring', 'eval/processes'],
    ],
    packages: ['node:', 'commander'],
  },
  // Nodes in containers, seen through their engine and the command line.
  'eval/containers': { own: ['runtime/check', 'eval/measuring'], packages: ['node:', 'commander'] },
  // Clients and a learner in other languages, and what they recorded.
  'eval/clients': {
    own: ['remote/index', 'history', 'eval/measuring', 'eval/processes', 'eval/upgrade', 'eval/network'],
    packages: ['node:', '@grpc'],
  },
  // Nodes in network namespaces, and what their clients and logs show.
  'eval/network': {
    own: ['runtime/check', 'index', 'remote/index', 'base', 'history', 'eval/measuring', 'eval/soak', 'eval/upgrade'],
    packages: ['node:', 'commander', '@grpc'],
  },
  // A separate package, so that users and developers of this one do not install other systems' clients.
  'eval/peers': {
    own: ['index', 'testing/index', 'remote/index', 'base', 'eval/measuring', 'eval/load', 'eval/processes'],
    packages: ['node:', 'csv-stringify', 'etcd3', 'cockatiel', '@nats-io', 'amqplib', 'bullmq', 'ioredis', 'pg', 'pg-boss'],
  },
  // The entry points of all of them.
  eval: {
    own: [
      'runtime/check',
      'base',
      'config',
      'history/checkers/check-history',
      'queue/record',
      'storage/sqlite-storage',
      ...[
        'measuring',
        'load',
        'processes',
        'replay',
        'bench',
        'questions',
        'full',
        'profile',
        'micro',
        'charts',
        'report',
        'soak',
        'mutants',
        'node-versions',
        'upgrade',
        'network',
        'containers',
        'clients',
        'crowd',
        'scale',
        'peers',
      ].map((folder) => `eval/${folder}`),
    ],
    packages: ['node:', 'commander', 'csv-stringify', 'tinybench', 'cli-progress'],
  },
};

/**
 * Folders of a module whose imports run one way: the other folders of the module that each may import, besides the files beside the folders.
 * Those files import no folder.
 */
export const FOLDERS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  client: {
    delivery: [],
    api: ['delivery'],
    // A processor in a file gets a job.
    sandbox: ['api'],
    worker: ['api', 'delivery', 'sandbox'],
  },
};
