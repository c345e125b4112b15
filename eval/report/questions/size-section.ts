import { formatCount, formatOptional } from '../../measuring/format.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { SizeRow } from '../../questions/size.ts';
import { anomalyIn, medianOf, payloadsOf, type SizeRounds, steadyOf } from '../../questions/size-figures.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import type { Section } from '../table.ts';

const SUBJECTS: Readonly<Record<SizeRow['subject'], string>> = {
  jobraft: 'jobraft',
  disk: 'disk alone, one file',
  'disk, one file a node': 'disk alone, one file a node at once, each',
};

export function sizeSection({ rows, facts }: Answer<SizeRow>): Section {
  const groups = Map.groupBy(rows, ({ subject, payload_bytes }) =>
    payload_bytes === null ? SUBJECTS[subject] : `${SUBJECTS[subject]}, ${formatBytes(payload_bytes)}`,
  );
  return {
    title: 'What does size cost?',
    answer: sizeAnswer(rows),
    note: [
      `Adds in steady state without a consumer, 8 MiB in flight (at most 4,000 adds). Payloads above 64 B wait in 64 MiB at most: from then on each add comes with the removal of the oldest job. p50 and p99: from sending to reply, with all of these in flight. The disk without jobraft: 1 MiB is written and synced, again and again, to one file, and to ${facts.nodes} at once, where the rate is that of each file; a cluster on this disk cannot store more payload. Medians of the rounds.`,
      anomalyNote(rows) ?? '',
    ]
      .filter((part) => part !== '')
      .join(' '),
    table: {
      header: ['Subject', 'In flight', 'Adds (/s)', 'Payload (MB/s)', 'p50 (ms)', 'p99 (ms)', 'Steady rounds'],
      rows: [...groups].map(([name, of]) => [
        name,
        of[0]?.in_flight == null ? '–' : formatCount(of[0].in_flight),
        ...(['adds_per_s', 'mb_per_s', 'service_p50_ms', 'service_p99_ms'] as const).map((column) => formatOptional(medianOf(of, column))),
        steadyOf(of),
      ]),
    },
    charts: ['size'],
  };
}

function sizeAnswer(rows: readonly SizeRow[]): string {
  const payloads = payloadsOf(rows);
  const describe = ({ bytes, rows: of }: SizeRounds): string =>
    `${formatOptional(medianOf(of, 'adds_per_s'))} adds/s of ${formatBytes(bytes)} (${formatOptional(medianOf(of, 'mb_per_s'))} MB/s)`;
  const [smallest, largest] = [payloads[0], payloads.at(-1)];
  if (smallest === undefined || largest === undefined) return 'Not measured.';
  const inFlight = largest.rows[0]?.in_flight ?? 0;
  return `At most ${describe(largest)} are stored, each acknowledged within ${formatOptional(medianOf(largest.rows, 'service_p50_ms'))} ms (p50, ${formatCount(inFlight)} in flight); ${describe(smallest)}.`;
}

/** Says so where a payload is slower than a larger one; `undefined` where none is. */
export function anomalyNote(rows: readonly SizeRow[]): string | undefined {
  const anomaly = anomalyIn(rows);
  if (anomaly === undefined) return undefined;
  const { slow, larger } = anomaly;
  const figures = (of: readonly SizeRow[]): string =>
    `${formatOptional(medianOf(of, 'adds_per_s'))}/s, ${formatOptional(medianOf(of, 'mb_per_s'))} MB/s, p50 ${formatOptional(medianOf(of, 'service_p50_ms'))} ms, ${steadyOf(of)} rounds steady`;
  return `An anomaly that is not explained: adds of ${formatBytes(slow.bytes)} (${figures(slow.rows)}) take longer than those of ${formatBytes(larger.bytes)} (${figures(larger.rows)}). Neither the threads nor the processor time of this load were measured.`;
}
