import { formatCount, formatNumber, formatPublished, formatTiny } from '../measuring/format.ts';
import { type Evaluation, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { deliveryFaultsOf } from '../replay/delivery-faults.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Table } from './table.ts';

/** `yes`: the runs show it. `no`: they show the opposite. `not shown`: they show neither. */
type Verdict = 'yes' | 'no' | 'not shown';

/** One of the four claims that the evaluation was made for: what the older system's authors report, and what was measured here. */
interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly theirs: string;
  readonly ours: string;
  readonly verdict: Verdict;
}

/** Two rates with less than this between them are called the same. */
const SAME_WITHIN = 0.05;

/** R12 to R15: is it as good as the original system? */
export function claimTable(evaluation: Evaluation): Table {
  return {
    header: ['Claim', 'The original (published elsewhere)', 'Here, paced the same way', 'Verdict'],
    rows: claimsOf(evaluation).map(({ id, claim, theirs, ours, verdict }) => [`${id}: ${claim}`, theirs, ours, verdict]),
  };
}

export function claimsOf(evaluation: Evaluation): readonly Claim[] {
  const [low, high] = evaluation.lowAndHigh;
  const [few, fewLarger, many, manyLarger] = evaluation.payload;
  return [
    ...(low === undefined ? [] : [seriesClaim('R12', 'a short series', low, evaluation)]),
    ...(high === undefined ? [] : [seriesClaim('R13', 'a long series, as steadily as the short one', high, evaluation, low)]),
    ...(few === undefined || fewLarger === undefined
      ? []
      : [
          seriesClaim(
            'R14',
            `${formatBytes(fewLarger.payloadBytes)} cost no more than ${formatBytes(few.payloadBytes)}`,
            fewLarger,
            evaluation,
            few,
          ),
        ]),
    ...(many === undefined || manyLarger === undefined
      ? []
      : [
          seriesClaim(
            'R15',
            `${formatBytes(manyLarger.payloadBytes)} finish, and cost no more than ${formatBytes(many.payloadBytes)}`,
            manyLarger,
            evaluation,
            many,
          ),
        ]),
  ];
}

/** @param base the series that must not be faster. */
function seriesClaim(id: string, claim: string, of: ReplayCase, { settings }: Evaluation, base?: ReplayCase): Claim {
  const { published, paced, messages, payloadBytes } = of;
  const overheadMs = published === undefined ? undefined : publishedOverheadMs(published, settings.pacing);
  const size = `${formatCount(messages)} × ${formatBytes(payloadBytes)}`;
  return {
    id,
    claim: `${size}: ${claim}`,
    theirs:
      published === undefined
        ? '–'
        : `${formatPublished(published.perSecond)} msg/s${overheadMs === undefined ? `, ${settings.published.unfinished}` : `, ${formatNumber(overheadMs)} ms a message`}`,
    ours:
      paced?.throughput === undefined
        ? 'not measured'
        : `${formatNumber(paced.throughput.median)} msg/s, ${paced.overhead === undefined ? '–' : formatTiny(paced.overhead.median)} ms a message`,
    verdict: verdictOf(of, base),
  };
}

function verdictOf({ paced, published, messages }: ReplayCase, base: ReplayCase | undefined): Verdict {
  const ours = paced?.throughput?.median;
  const before = base === undefined ? ours : base.paced?.throughput?.median;
  if (paced === undefined || ours === undefined || before === undefined) return 'not shown';
  if (deliveryFaultsOf(paced.rows).length > 0 || paced.valid.some((row) => row.acknowledged < messages)) return 'no';
  if (paced.valid.length < paced.rows.length) return 'not shown';
  return ours >= (published?.perSecond ?? 0) && ours >= before * (1 - SAME_WITHIN) ? 'yes' : 'no';
}
