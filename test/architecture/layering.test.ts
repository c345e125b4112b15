import { describe, expect, it } from 'vitest';
import { importsOf } from './imports.ts';
import { fileCycles, folderViolations, layeringViolations, moduleCycles } from './layering.ts';
import { FOLDERS, LAYERING } from './layering-rules.ts';
import { readSources } from './source-file.ts';

const file = (path: string, ...lines: string[]): Map<string, string> => new Map([[path, lines.join('\n')]]);
const faults = (path: string, ...lines: string[]): string[] => layeringViolations(file(path, ...lines), LAYERING);

describe('the architecture', () => {
  const sources = readSources('src', 'eval');

  it('was read', () => {
    expect(sources.has('src/raft/message.ts')).toBe(true);
    expect(sources.size).toBeGreaterThan(40);
  });
  it('imports only in the direction of the design', () => expect(layeringViolations(sources, LAYERING)).toEqual([]));
  it('loads no file of a library by import(): a bundle of it would be several files, which not every setting of a bundler allows', () => {
    const dynamic = [...sources].filter(([path, text]) => /^src\/(?!cli\/)/.test(path) && /\bawait import\(\s*['"`]\./.test(text));
    expect(dynamic.map(([path]) => path)).toEqual([]);
  });
  it('imports between the folders of a module only in the direction of the design', () =>
    expect(folderViolations(sources, FOLDERS)).toEqual([]));
  it('has no modules that import each other', () => expect(moduleCycles(sources)).toEqual([]));
  it('has no files that import each other, tests included', () => expect(fileCycles(readSources('src', 'eval', 'test'))).toEqual([]));
});

describe('the layering checker', () => {
  it.each([
    ['src/raft/core.ts', "import { JobQueue } from '../queue/job-queue.ts';", 'raft must not import src/queue/job-queue.ts'],
    ['src/raft/core.ts', "export { x } from '../node/event.ts';", 'raft must not import src/node/event.ts'],
    ['src/raft/core.ts', "const x = await import('../node/event.ts');", 'raft must not import src/node/event.ts'],
    ['src/raft/core.ts', "type X = import('../node/event.ts').NodeEvent;", 'raft must not import src/node/event.ts'],
    ['src/raft/core.ts', "import { readFileSync } from 'node:fs';", 'raft must not import the package node:fs'],
    ['src/base/ids.ts', "import { x } from '../raft/log.ts';", 'base must not import src/raft/log.ts. It may import nothing'],
    [
      'src/node/turn.ts',
      "import { openSqliteStorage } from '../storage/sqlite-storage.ts';",
      'node must not import src/storage/sqlite-storage.ts',
    ],
    ['src/node/turn.ts', "import { startCluster } from '../cluster/cluster.ts';", 'node must not import src/cluster/cluster.ts'],
    [
      'src/client/api/queue.ts',
      "import { openPortTransport } from '../../transport/port-links.ts';",
      'client must not import src/transport/port-links.ts',
    ],
    ['src/storage/sqlite.ts', "import { Worker } from 'piscina';", 'storage must not import the package piscina'],
    ['eval/main.ts', "import { startCluster } from '../src/cluster/cluster.ts';", 'eval must not import src/cluster/cluster.ts'],
    [
      'eval/charts/theme.ts',
      "import { Queue } from '../../src/client/api/queue.ts';",
      'eval/charts must not import src/client/api/queue.ts',
    ],
    ['eval/replay/analysis.ts', "import { Chart } from '../charts/chart.ts';", 'eval/replay must not import eval/charts/chart.ts'],
    ['src/attic/old.ts', "import { x } from '../base/ids.ts';", 'the module "attic" has no rules'],
  ])('names an import of %s that points the wrong way: %s', (path, line, message) => {
    expect(faults(path, '// first line', line)).toEqual([expect.stringContaining(`${path}:2: ${message}`)]);
  });

  it.each([
    ['src/client/delivery/batch.ts', "import { Queue } from '../api/queue.ts';", 'delivery must not import src/client/api/queue.ts'],
    [
      'src/client/delivery/batch.ts',
      "import type { Worker } from '../worker/worker.ts';",
      'delivery must not import src/client/worker/worker.ts',
    ],
    [
      'src/client/api/client.ts',
      "import { Quarantine } from '../worker/quarantine.ts';",
      'api must not import src/client/worker/quarantine.ts',
    ],
    ['src/client/errors.ts', "import { Job } from './api/job.ts';", 'a file beside the folders must not import src/client/api/job.ts'],
    ['src/client/attic/old.ts', "import { Job } from '../api/job.ts';", 'the folder "attic" has no rules'],
  ])('names an import of %s between folders that points the wrong way: %s', (path, line, message) => {
    expect(folderViolations(file(path, line), FOLDERS)).toEqual([expect.stringContaining(`${path}:1: ${message}`)]);
  });

  it.each([
    ['src/client/worker/worker.ts', "import { Job } from '../api/job.ts';"],
    ['src/client/api/queue.ts', "import { Dispatcher } from '../delivery/dispatcher.ts';"],
    ['src/client/delivery/batch.ts', "import { DeadlineError } from '../errors.ts';"],
    ['src/queue/checkpoint/a.ts', "import { b } from '../handlers/b.ts';"],
  ])('lets %s import between folders: %s', (path, line) => expect(folderViolations(file(path, line), FOLDERS)).toEqual([]));

  it('allows a type import where it does not allow an import at run time', () => {
    const port = "'../node/state-machine.ts';";
    expect(faults('src/queue/checkpoint.ts', `import type { StateMachine } from ${port}`)).toEqual([]);
    expect(faults('src/queue/checkpoint.ts', `export type { StateMachine } from ${port}`)).toEqual([]);
    expect(faults('src/queue/checkpoint.ts', `import { x } from ${port}`)).toEqual([expect.stringContaining('Write "import type"')]);
    // It keeps the import at run time, empty.
    expect(faults('src/queue/checkpoint.ts', `import { type StateMachine } from ${port}`)).toHaveLength(1);
  });

  it.each([
    ['src/node/turn.ts', "import { readPeerParts } from '../transport/peer-frame.ts';"],
    ['src/node/turn.ts', "import type { Entry } from '../raft/entry.ts';"],
    ['src/raft/core.ts', "import { x } from './log.ts';"],
    ['src/storage/sqlite-storage.ts', "import { readFileSync } from 'node:fs';"],
    ['eval/bench/idle.ts', "import { startCluster } from '../../src/index.ts';"],
    ['eval/questions/main.ts', "import { drawQuestionCharts } from '../charts/question-charts.ts';"],
    ['eval/replay/run-files.ts', "import { stringify } from 'csv-stringify/sync';"],
    ['src/raft/core.ts', "const text = 'import x from \"../queue/job-queue.ts\"'; // import '../node/event.ts'"],
  ])('lets %s pass: %s', (path, line) => expect(faults(path, line)).toEqual([]));

  it('reports the circle that modules or files form', () => {
    const circle = new Map([
      ['src/raft/a.ts', "import { b } from '../queue/b.ts';"],
      ['src/queue/b.ts', "import { c } from '../node/c.ts';"],
      ['src/node/c.ts', "import { a } from '../raft/a.ts';"],
    ]);
    expect(moduleCycles(circle)).toEqual(['modules import each other in a circle: raft -> queue -> node -> raft']);
    expect(fileCycles(circle)).toEqual([
      'files import each other in a circle: src/raft/a.ts -> src/queue/b.ts -> src/node/c.ts -> src/raft/a.ts',
    ]);
  });

  it.each([
    "import type { a } from '../node/a.ts';",
    "export type { a } from '../node/a.ts';",
    "import { type a } from '../node/a.ts';",
    "let a: import('../node/a.ts').A;",
  ])('counts types in a circle: %s', (line) => {
    const circle = new Map([
      ['src/node/a.ts', "import { b } from '../storage/port.ts';"],
      ['src/storage/port.ts', line],
    ]);
    expect(moduleCycles(circle)).toEqual(['modules import each other in a circle: node -> storage -> node']);
    expect(fileCycles(circle)).toEqual(['files import each other in a circle: src/node/a.ts -> src/storage/port.ts -> src/node/a.ts']);
  });

  it('reports no circle where imports run one way', () => {
    const oneWay = new Map([
      ['src/node/a.ts', "import { b } from '../storage/port.ts'; import type { c } from './c.ts';"],
      ['src/node/c.ts', "import type { b } from '../storage/port.ts';"],
      ['src/storage/port.ts', "import { d } from '../base/d.ts';"],
    ]);
    expect(moduleCycles(oneWay)).toEqual([]);
    expect(fileCycles(oneWay)).toEqual([]);
  });

  it('finds imports in every form', () => {
    const text = [
      "import 'a';",
      "import b from 'b';",
      "export * from 'c';",
      "const d = import('d');",
      "let e: import('e').E;",
      "export type { F } from 'f';",
    ];
    expect(importsOf('src/x.ts', text.join('\n')).map(({ to, isTypeOnly }) => `${to} ${isTypeOnly}`)).toEqual([
      'a false',
      'b false',
      'c false',
      'd false',
      'e true',
      'f true',
    ]);
  });
});
