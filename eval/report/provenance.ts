import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { formatCount } from '../measuring/format.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import type { Section } from './table.ts';

/** Columns with the time of a row, the first that a file has. */
const TIMES = ['measured', 'started', 'session'] as const;

const question = (id: string): string => `\`npm run eval:questions -- --only ${id}\``;

/** The command that wrote each file, and the sections that use it. */
const SOURCES: Readonly<Record<string, readonly [command: string, sections: string]>> = {
  runs: [
    '`npm run eval -- --paced --publish`',
    'Is it as good as the original system?; Safety; Scenarios low and high; Scenario payload; How long does an add take, by payload?; Capacity by payload',
  ],
  load: [question('load'), 'How much load, at what latency?; Safety; Where is the limit, and why?'],
  elections: [question('elections'), 'How long without a leader?'],
  failover: [question('failover'), 'What does a client see of a failover?; Safety'],
  nodes: [question('nodes'), 'What does a node more cost?; Where is the limit, and why?'],
  size: [question('size'), 'What does size cost?; Where is the limit, and why?'],
  recovery: [question('recovery'), 'How fast is recovery?'],
  reasons: [question('reasons'), 'Why is it fast?; Safety; Where is the limit, and why?'],
  survival: [question('survival'), 'Nothing was lost …; Safety'],
  bench: ['`npm run bench`', 'Where is the limit, and why?; Safety; docs/performance.md'],
  micro: ['`npm run bench:micro`', 'Where does the time go?'],
  profile: ['`npm run bench:profile`', 'Where does the time go?; Where is the limit, and why?; docs/performance.md'],
  peers: ['`npm run bench:peers`', 'How fast are other queues?; Other queues under load; README.md'],
  mutants: ['`npm run sim:mutants`', 'Nothing was lost …; test/README.md'],
  original: ['`npm run eval:original`', 'The original on this machine'],
};

/** When, on what and from which commit each CSV of a results folder is. */
export function provenanceSection({ path }: ResultsFolder): Section {
  const files = existsSync(path)
    ? readdirSync(path)
        .filter((name) => /\.csv(?:\.gz)?$/.test(name))
        .sort()
    : [];
  return {
    title: 'Where the figures come from',
    note: 'First and last time of the rows of each CSV, in UTC. A dash: the file does not have it; where it has only the time at which its session began, this is the first. samples.csv.gz has the messages of runs.csv. `npm run eval:full` runs all of these commands but `npm run sim:mutants` and `npm run eval:original`.',
    terms: ['mutants.csv: a mutant is a bug that was injected into the code on purpose, one at a time; killed: found by the simulator.'],
    table: {
      header: ['File', 'Written by', 'Used in', 'Rows', 'First', 'Last', 'Commit', 'Machine'],
      rows: files.filter((name) => name !== 'samples.csv.gz').map((name) => rowOf(path, name)),
    },
    charts: [],
  };
}

function rowOf(folder: string, name: string): readonly string[] {
  const bytes = readFileSync(join(folder, name));
  const records: Record<string, string>[] = parse(name.endsWith('.gz') ? gunzipSync(bytes) : bytes, { columns: true });
  const time = TIMES.find((column) => records[0]?.[column] !== undefined);
  const times = time === undefined ? [] : records.map((record) => record[time] ?? '').sort();
  const of = (column: string): string => [...new Set(records.flatMap((record) => record[column] ?? []))].join(', ') || '–';
  return [
    name,
    ...(SOURCES[name.replace(/\.csv(?:\.gz)?$/, '')] ?? ['–', '–']),
    formatCount(records.length),
    ...[times[0], time === 'session' ? undefined : times.at(-1)].map(timeText),
    of('commit'),
    of('environment'),
  ];
}

/** `2026-11-28 10:40:17` */
const timeText = (time: string | undefined): string => (time === undefined ? '–' : time.slice(0, 19).replace('T', ' '));
