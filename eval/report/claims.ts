import { formatCount, formatNumber, formatPublished, formatTiny } from '../measuring/format.ts';
import { type Evaluation, fastRatioOf, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { deliveryFaultsOf } from '../replay/delivery-faults.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Settings } from '../replay/settings.ts';
import { type Section, withRuns } from './table.ts';
import { describeDifference, describeEffect, unseenBelowMs, VERDICT_RULES, type Verdict, verdictOf } from './verdict.ts';

/** One of the four claims that the evaluation was made for: what the older system's authors report, and what was measured here. */
interface Claim {
  readonly id: string;
  readonly claim: string;
  readonly of: ReplayCase;
  /** The series that must not be faster. */
  readonly other: ReplayCase | undefined;
}

/** R12 to R15: is it as good as the original system? */
export function claimsSection(evaluation: Evaluation): Section {
  const verdicts = claimsOf(evaluation).map((claim) => `${claim.id}, ${claim.claim}: ${verdictOfClaim(claim, evaluation)}.`);
  return {
    title: 'Is it as good as the original system?',
    answer: verdicts.join(' '),
    brief: `${claimsOf(evaluation)
      .map((claim) => `${claim.id} ${verdictOfClaim(claim, evaluation)}`)
      .join(', ')}.`,
    note: 'Each claim is replayed with the pacing of the original.',
    terms: [
      ...VERDICT_RULES,
      ...steadinessNote(evaluation),
      sensitivityNote(evaluation),
      pacingNote(evaluation),
      ...fasterNote(evaluation),
    ],
    table: claimTable(evaluation),
    charts: [],
  };
}

export function claimTable(evaluation: Evaluation): Section['table'] {
  return {
    header: [
      'Claim',
      'The original (published elsewhere)',
      'Here, paced the same way',
      'Against the compared series, paced',
      'At full speed, median of the paired ratios of rates',
      'Verdict',
    ],
    rows: claimsOf(evaluation).map((claim) => {
      const { id, claim: text, of, other } = claim;
      const size = `${formatCount(of.messages)} × ${formatBytes(of.payloadBytes)}`;
      return [
        `${id}: ${size}: ${text}`,
        theirsOf(of, evaluation.settings),
        oursOf(of),
        other === undefined ? '–' : comparedOf(of, other),
        other === undefined ? '–' : fastOf(claim, evaluation),
        verdictOfClaim(claim, evaluation),
      ];
    }),
  };
}

function claimsOf({ lowAndHigh: [low, high], payload: [few, fewLarger, many, manyLarger] }: Evaluation): readonly Claim[] {
  const costNoMore = (larger: ReplayCase, smaller: ReplayCase): string =>
    `${formatBytes(larger.payloadBytes)} cost no more than ${formatBytes(smaller.payloadBytes)}`;
  const claim = (id: string, of: ReplayCase | undefined, other: ReplayCase | undefined, text: string): readonly Claim[] =>
    of === undefined ? [] : [{ id, claim: text, of, other }];
  return [
    ...claim('R12', low, undefined, 'a short series'),
    ...(low === undefined ? [] : claim('R13', high, low, 'a long series, as steadily as the short one')),
    ...(few === undefined || fewLarger === undefined ? [] : claim('R14', fewLarger, few, costNoMore(fewLarger, few))),
    ...(many === undefined || manyLarger === undefined
      ? []
      : claim('R15', manyLarger, many, `${formatBytes(manyLarger.payloadBytes)} finish; ${costNoMore(manyLarger, many)}`)),
  ];
}

function verdictOfClaim({ of, other }: Claim, evaluation: Evaluation): Verdict {
  const { paced, published, messages } = of;
  return verdictOf({
    isDelivered:
      paced !== undefined && deliveryFaultsOf(paced.rows).length === 0 && paced.valid.every((row) => row.acknowledged >= messages),
    isValid: paced !== undefined && paced.valid.length === paced.rows.length,
    pacedPerSecond: paced?.throughput?.median,
    publishedPerSecond: published?.perSecond ?? 0,
    compared:
      other === undefined
        ? undefined
        : { pacedPerSecond: other.paced?.throughput?.median, fastRatio: fastRatioOf(other, of, evaluation.settings) },
    quarters: of.quarters,
  });
}

function theirsOf({ published }: ReplayCase, settings: Settings): string {
  if (published === undefined) return '–';
  const overheadMs = publishedOverheadMs(published, settings.pacing);
  const cost = overheadMs === undefined ? settings.published.unfinished : `${formatNumber(overheadMs)} ms a message`;
  return `${formatPublished(published.perSecond)} msg/s, ${cost}`;
}

function oursOf({ paced }: ReplayCase): string {
  if (paced?.throughput === undefined) return 'not measured';
  const { throughput, overhead } = paced;
  const cost = overhead === undefined ? '' : `, ${formatTiny(overhead.median)} ms a message`;
  return `${formatNumber(throughput.median)} msg/s${cost} (n=${throughput.runs})`;
}

function comparedOf(of: ReplayCase, other: ReplayCase): string {
  const [ours, theirs] = [of.paced?.throughput?.median, other.paced?.throughput?.median];
  return ours === undefined || theirs === undefined ? 'not measured' : describeDifference(ours, theirs);
}

function fastOf({ of, other }: Claim, evaluation: Evaluation): string {
  const ratio = other === undefined ? undefined : fastRatioOf(other, of, evaluation.settings);
  return ratio === undefined ? '–' : `${withRuns(ratio, evaluation.settings.statistics.confidence)}: ${describeEffect(ratio)}`;
}

/** Why a longer series has a higher rate. */
function pacingNote({ lowAndHigh, settings: { pacing } }: Evaluation): string {
  const most = lowAndHigh.map(({ messages }) => {
    const perSecond = messages / ((messages * pacing.delayMs + pacing.settleMs) / 1000);
    return `${formatNumber(perSecond)} msg/s for ${formatCount(messages)} messages`;
  });
  return `With replies in no time the pacing gives ${most.join(' and ')}, since the rest at the end counts.`;
}

/** How the replay runs without its pauses. */
function fasterNote({ lowAndHigh, payload }: Evaluation): readonly string[] {
  const rates = [...lowAndHigh, ...payload].flatMap(({ fast }) => (fast?.throughput === undefined ? [] : [fast.throughput.median]));
  if (rates.length === 0) return [];
  return [
    `Full speed: without the pauses the same messages run at ${formatNumber(Math.min(...rates))} to ${formatNumber(Math.max(...rates))} a second. Runs of two series are paired by repetition; the median of their ratios is not the ratio of the medians.`,
  ];
}

/** What "as steadily" is measured by. */
function steadinessNote({ lowAndHigh: [, high] }: Evaluation): readonly string[] {
  if (high?.quarters === undefined) return [];
  const { first, last } = high.quarters;
  return [
    `"As steadily": the paced series of ${formatCount(high.messages)} runs at ${first.toFixed(2)} msg/s in its first quarter and at ${last.toFixed(2)} in its last.`,
  ];
}

/** What the pauses hide. */
const sensitivityNote = ({ settings: { pacing } }: Evaluation): string =>
  `A message takes ${pacing.delayMs} ms of pause and a few of work: the paced rates cannot show a cost below about ${formatNumber(unseenBelowMs(pacing.delayMs))} ms a message; the full speed can.`;
