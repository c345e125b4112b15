import { formatNumber, formatOptional } from '../../measuring/format.ts';
import { median } from '../../measuring/statistics.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { SizeRow } from '../../questions/size.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import type { Section } from '../table.ts';

export function sizeSection({ rows }: Answer<SizeRow>): Section {
  const groups = Map.groupBy(rows, ({ subject, payload_bytes }) =>
    payload_bytes === null ? subject : `${subject}, ${formatBytes(payload_bytes)}`,
  );
  const medianOf = (of: readonly SizeRow[], column: 'adds_per_s' | 'mb_per_s' | 'service_p50_ms' | 'service_p99_ms'): string => {
    const values = of.flatMap((row) => (row[column] === null ? [] : [row[column]]));
    return formatOptional(values.length === 0 ? null : median(values));
  };
  return {
    title: 'What does size cost?',
    note: 'Adds in steady state without a consumer, 8 MiB in flight (at most 4,000 adds). The disk: 1 MiB writes, each synced, by one file, and by as many files as nodes at once; no cluster on this disk stores more. Medians of the rounds.',
    table: {
      header: ['Subject', 'Adds (/s)', 'Payload (MB/s)', 'p50 (ms)', 'p99 (ms)', 'Steady'],
      rows: [...groups].map(([name, of]) => [
        name,
        medianOf(of, 'adds_per_s'),
        medianOf(of, 'mb_per_s'),
        medianOf(of, 'service_p50_ms'),
        medianOf(of, 'service_p99_ms'),
        `${formatNumber(of.filter(({ is_steady }) => is_steady === 1).length)} of ${of.length}`,
      ]),
    },
    charts: ['size'],
  };
}
