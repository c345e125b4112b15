import { formatCount, formatMedian, formatSpread } from '../../measuring/format.ts';
import { steadyMark, steadyRounds } from '../../measuring/steadiness.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { SizeRow } from '../../questions/size.ts';
import { anomalyIn, payloadsOf, type SizeRounds, valuesOf } from '../../questions/size-figures.ts';
import { formatBytes } from '../../replay/run-plan.ts';
import { SMALL_RATES } from '../limits.ts';
import type { Section } from '../table.ts';

export function sizeSection({ rows, facts }: Answer<SizeRow>): Section {
  const diskOf = (subject: SizeRow['subject']): string =>
    formatSpread(
      valuesOf(
        rows.filter((row) => row.subject === subject),
        'mb_per_s',
      ),
    );
  return {
    title: 'What does size cost?',
    ...sizeAnswer(rows),
    note: 'Adds without a consumer, 8 MiB in flight (at most 4,000 adds). n: rounds. "Steady rounds" counts those whose rate became steady.',
    terms: [
      'Above 64 B at most 64 MiB of payload wait: from then on each add also removes the oldest job.',
      SMALL_RATES,
      'p50 and p99: from sending to reply, with all of these in flight.',
      `For comparison: synced writes of 1 MiB reach ${diskOf('disk')} MB/s to one file, ${diskOf('disk, one file a node')} MB/s to each of ${facts.nodes} files at once. That is one pattern of writes: others may reach more or less.`,
      ...[anomalyNote(rows)].filter((line) => line !== undefined),
    ],
    table: {
      header: ['Payload', 'In flight', 'Adds (/s)', 'Payload (MB/s)', 'p50 (ms)', 'p99 (ms)', 'n', 'Steady rounds'],
      rows: payloadsOf(rows).map(({ bytes, rows: of }) => [
        formatBytes(bytes),
        of[0]?.in_flight == null ? '–' : formatCount(of[0].in_flight),
        ...(['adds_per_s', 'mb_per_s'] as const).map((column) => formatSpread(valuesOf(of, column), steadyMark(of))),
        ...(['service_p50_ms', 'service_p99_ms'] as const).map((column) => formatSpread(valuesOf(of, column))),
        ...[String(of.length), steadyRounds(of)],
      ]),
    },
    charts: ['size'],
  };
}

function sizeAnswer(rows: readonly SizeRow[]): Pick<Section, 'answer' | 'brief'> {
  const payloads = payloadsOf(rows);
  const describe = ({ bytes, rows: of }: SizeRounds): string =>
    `${formatMedian(valuesOf(of, 'adds_per_s'))}${steadyMark(of)} adds/s of ${formatBytes(bytes)} (${formatMedian(valuesOf(of, 'mb_per_s'))} MB/s)`;
  const [smallest, largest] = [payloads[0], payloads.at(-1)];
  if (smallest === undefined || largest === undefined) return {};
  const removal = largest.bytes > 64 ? ' Above 64 B each add also removes a job, once 64 MiB wait.' : '';
  const half = timeOf(largest.rows);
  return {
    brief: `${describe(largest)}, half acknowledged within ${half}.`,
    answer: `Median rates: ${describe(largest)}, half of them acknowledged within ${half} (in a closed loop the number in flight divided by the rate); ${describe(smallest)}.${removal}`,
  };
}

/** A time of a closed loop is never without the number in flight. */
const timeOf = (rows: readonly SizeRow[]): string =>
  `${formatMedian(valuesOf(rows, 'service_p50_ms'))} ms with ${formatCount(rows[0]?.in_flight ?? 0)} in flight`;

/** Says so where a payload is slower than a larger one; `undefined` where none is. */
export function anomalyNote(rows: readonly SizeRow[]): string | undefined {
  const anomaly = anomalyIn(rows);
  if (anomaly === undefined) return undefined;
  const { slow, larger } = anomaly;
  const figures = ({ rows: of }: SizeRounds): string =>
    `${formatMedian(valuesOf(of, 'adds_per_s'))}${steadyMark(of)}/s, ${formatMedian(valuesOf(of, 'mb_per_s'))} MB/s, p50 ${timeOf(of)}, ${steadyRounds(of)} rounds steady`;
  return `An anomaly that is not explained: adds of ${formatBytes(slow.bytes)} (${figures(slow)}) take longer than those of ${formatBytes(larger.bytes)} (${figures(larger)}). ${watchedNote(slow.rows)}`;
}

const watchedNote = (rows: readonly SizeRow[]): string =>
  rows.some(({ leader_on_processor }) => leader_on_processor !== null)
    ? 'What its threads did is in "Where is the limit, and why?".'
    : 'Neither the threads nor the processor time of this load were measured.';
