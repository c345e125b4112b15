import { formatCount, formatOptional } from '../../measuring/format.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { SizeRow } from '../../questions/size.ts';
import { anomalyIn, medianOf, payloadsOf, type SizeRounds, steadyOf } from '../../questions/size-figures.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import { SMALL_RATES } from '../limits.ts';
import type { Section } from '../table.ts';

export function sizeSection({ rows, facts }: Answer<SizeRow>): Section {
  const diskOf = (subject: SizeRow['subject']): string =>
    formatOptional(
      medianOf(
        rows.filter((row) => row.subject === subject),
        'mb_per_s',
      ),
    );
  return {
    title: 'What does size cost?',
    ...sizeAnswer(rows),
    note: 'Adds without a consumer, 8 MiB in flight (at most 4,000 adds). Medians of the rounds; "Steady rounds" counts those whose rate became steady.',
    terms: [
      'Above 64 B at most 64 MiB of payload wait: from then on each add also removes the oldest job.',
      SMALL_RATES,
      'p50 and p99: from sending to reply, with all of these in flight.',
      `Disk alone: 1 MiB is written and synced, again and again: ${diskOf('disk')} MB/s to one file, ${diskOf('disk, one file a node')} MB/s to each of ${facts.nodes} at once; a cluster on this disk cannot store more payload.`,
      ...[anomalyNote(rows)].filter((line) => line !== undefined),
    ],
    table: {
      header: ['Payload', 'In flight', 'Adds (/s)', 'Payload (MB/s)', 'p50 (ms)', 'p99 (ms)', 'Steady rounds'],
      rows: payloadsOf(rows).map(({ bytes, rows: of }) => [
        formatBytes(bytes),
        of[0]?.in_flight == null ? '–' : formatCount(of[0].in_flight),
        ...(['adds_per_s', 'mb_per_s', 'service_p50_ms', 'service_p99_ms'] as const).map((column) => formatOptional(medianOf(of, column))),
        steadyOf(of),
      ]),
    },
    charts: ['size'],
  };
}

function sizeAnswer(rows: readonly SizeRow[]): Pick<Section, 'answer' | 'brief'> {
  const payloads = payloadsOf(rows);
  const describe = ({ bytes, rows: of }: SizeRounds): string =>
    `${formatOptional(medianOf(of, 'adds_per_s'))} adds/s of ${formatBytes(bytes)} (${formatOptional(medianOf(of, 'mb_per_s'))} MB/s)`;
  const [smallest, largest] = [payloads[0], payloads.at(-1)];
  if (smallest === undefined || largest === undefined) return {};
  const inFlight = largest.rows[0]?.in_flight ?? 0;
  const removal = largest.bytes > 64 ? ' Above 64 B each add also removes a job, once 64 MiB wait.' : '';
  return {
    brief: `${formatBytes(largest.bytes)}: ${formatOptional(medianOf(largest.rows, 'adds_per_s'))} adds/s (${formatOptional(medianOf(largest.rows, 'mb_per_s'))} MB/s), half acknowledged within ${formatOptional(medianOf(largest.rows, 'service_p50_ms'))} ms.`,
    answer: `Median rates: ${describe(largest)}, half of them acknowledged within ${formatOptional(medianOf(largest.rows, 'service_p50_ms'))} ms with ${formatCount(inFlight)} in flight; ${describe(smallest)}.${removal}`,
  };
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
