import { formatCount, formatNumber } from '../../measuring/format.ts';
import type { OriginalRow } from '../../questions/original/original.ts';
import type { Answer } from '../../questions/question-file.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import type { Section } from '../table.ts';

export function originalSection({ rows }: Answer<OriginalRow>): Section {
  const pairs = [...Map.groupBy(rows, ({ messages, payload_bytes }) => `${formatCount(messages)} × ${formatBytes(payload_bytes)}`)];
  const ofSystem = (of: readonly OriginalRow[], system: OriginalRow['system']): OriginalRow | undefined =>
    of.find((row) => row.system === system);
  return {
    title: 'The original on this machine',
    note: "The tests of the original's own repository, each in a process of its own, and the same loop on jobraft, in turn in one session; the start and the end of the cluster are in the time, as the original counts. The original replies after the leader's own write, jobraft after a majority's. Its repository has no test of 1,000 messages.",
    table: {
      header: ['Messages', 'Original (s)', 'jobraft (s)', 'Original (msg/s)', 'jobraft (msg/s)', 'Original / jobraft, time'],
      rows: pairs.map(([name, of]) => {
        const [original, own] = [ofSystem(of, 'original'), ofSystem(of, 'jobraft')];
        const ratio = original?.wall_ms == null || own?.wall_ms == null ? '–' : formatNumber(original.wall_ms / own.wall_ms);
        return [name, secondsOf(original), secondsOf(own), rateOf(original), rateOf(own), ratio];
      }),
    },
    charts: [],
  };
}

function secondsOf(row: OriginalRow | undefined): string {
  if (row === undefined) return '–';
  return row.wall_ms === null ? 'did not end' : formatNumber(row.wall_ms / 1000);
}

const rateOf = (row: OriginalRow | undefined): string =>
  row === undefined || row.wall_ms === null ? '–' : formatNumber((row.messages * 1000) / row.wall_ms);
