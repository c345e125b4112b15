import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ResultsFolder } from '../../eval/measuring/results-folder.ts';
import type { LatencyDistribution } from '../../eval/replay/analysis.ts';
import { idleLatencies, idleNote } from '../../eval/report/idle-latency.ts';
import { provenanceSection } from '../../eval/report/provenance.ts';
import { aFolder } from './fixtures.ts';

const distribution: LatencyDistribution = {
  ...{ samples: 10, p50: 4.48, p90: 9, p99: null, max: 12, payloadBytes: 4, offeredPerSecond: 500, runs: 1, lateRuns: 0 },
  ...{ onTime: undefined, p1: 1, p25: 2, p75: 6, high: 9, highName: 'p90' },
};

it('a low rate that is slower than higher ones is named as not explained, and nothing else', () => {
  const others = [
    { how: 'one at a time', p50Ms: 1.16 },
    { how: 'open loop, 15,650/s', p50Ms: 2.24 },
  ];
  expect(idleNote(distribution, others)[0]).toContain('at 500/s p50 is 4.48 ms here');
  expect(idleNote(distribution, others)[0]).toContain('1.16 ms one at a time, 2.24 ms open loop, 15,650/s');
  expect(idleNote({ ...distribution, p50: 2 }, others)).toEqual([]);
  expect(idleNote(distribution, idleLatencies(ResultsFolder.at(aFolder())))).toEqual([]);
});

it('the figures of each file come with first and last time, commit and machine, where it has them', () => {
  const folder = aFolder();
  const write = (name: string, lines: readonly string[]): void => writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
  const rows = ['2026-01-02T03:04:06.000Z,b,m', '2026-01-02T03:04:05.000Z,a,m'];
  write('load.csv', ['measured,commit,environment', ...rows]);
  write('micro.csv', ['commit', 'c']);
  write('peers.csv', ['session,commit', '2026-01-02T03:04:07.000Z,c']);
  expect(provenanceSection(ResultsFolder.at(folder)).table.rows).toEqual([
    [
      'load.csv',
      '`npm run eval:questions -- --only load`',
      expect.stringContaining('How much load'),
      '2',
      '2026-01-02 03:04:05',
      '2026-01-02 03:04:06',
      'b, a',
      'm',
    ],
    ['micro.csv', '`npm run bench:micro`', 'Where does the time go?', '1', '–', '–', 'c', '–'],
    [
      'peers.csv',
      '`npm run bench:peers`',
      expect.stringContaining('How fast are other queues?'),
      '1',
      '2026-01-02 03:04:07',
      '–',
      'c',
      '–',
    ],
  ]);
});
