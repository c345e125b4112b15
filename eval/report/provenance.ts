import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { formatCount } from '../measuring/format.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import type { Section } from './table.ts';

/** Columns with the time of a row, the first that a file has. */
const TIMES = ['measured', 'started', 'session'] as const;

/** When, on what and from which commit each CSV of a results folder is. */
export function provenanceSection({ path }: ResultsFolder): Section {
  const files = existsSync(path)
    ? readdirSync(path)
        .filter((name) => /\.csv(?:\.gz)?$/.test(name))
        .sort()
    : [];
  return {
    title: 'Where the figures come from',
    note: 'First and last time of the rows of each CSV, in UTC. A dash: the file does not have it; where it has only the time at which its session began, this is the first. samples.csv.gz has the messages of runs.csv.',
    table: {
      header: ['File', 'Rows', 'First', 'Last', 'Commit', 'Machine'],
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
    formatCount(records.length),
    ...[times[0], time === 'session' ? undefined : times.at(-1)].map(timeText),
    of('commit'),
    of('environment'),
  ];
}

/** `2026-11-28 10:40:17` */
const timeText = (time: string | undefined): string => (time === undefined ? '–' : time.slice(0, 19).replace('T', ' '));
