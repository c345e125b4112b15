import { formatCount, formatNumber, formatPublished, formatTiny } from '../measuring/format.ts';
import { type Evaluation, fastRatioOf, publishedOverheadMs, type ReplayCase } from '../replay/analysis.ts';
import { deliveryFaultsOf } from '../replay/delivery-faults.ts';
import { formatBytes } from '../replay/run-plan.ts';
import type { Settings } from '../replay/settings.ts';
import { type Section, withRuns } from './table.ts';
import { describeDifference, describeEffect, unseenBelowMs, VERDICT_RULES, VERDICT_WORDS, type Verdict, verdictOf } from './verdict.ts';

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
  const verdicts = claimsOf(evaluation).map((claim) => `${claim.id}, ${claim.claim}: ${VERDICT_WORDS[verdictOfClaim(claim, evaluation)]}.`);
  const { system } = evaluation.settings.published;
  return {
    title: 'Is it as good as the original system?',
    answer: verdicts.join(' '),
    brief: `R12 to R15 are what the authors of the original, ${system}, report of it. ${[
      ...Map.groupBy(claimsOf(evaluation), (claim) => VERDICT_WORDS[verdictOfClaim(claim, evaluation)]),
    ]
      .map(([words, of]) => `${of.map(({ id, claim }) => `${id} (${claim})`).join(', ')}: ${words}`)
      .join('; ')}.`,
    note: `R12 to R15 are the results that the authors of the original, ${system}, report of it; each is replayed with its pacing. "Scenarios low and high" and "Scenario payload" have the figures.`,
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
      'Paced, beside the compared series',
      'Full speed: medians of the rates, and their ratio',
      'Full speed: median of the ratios of paired runs',
      'Verdict',
    ],
    rows: claimsOf(evaluation).map((claim) => {
      const { id, claim: text, of, other } = claim;
      return [
        `${id}: ${sizeOf(of)}: ${text}`,
        theirsOf(of, evaluation.settings),
        oursOf(of),
        ...(other === undefined
          ? ['–', '–', '–']
          : [comparedOf(of, other, evaluation.settings), mediansOf(of, other), fastOf(claim, evaluation)]),
        verdictOfClaim(claim, evaluation),
      ];
    }),
  };
}

const sizeOf = ({ messages, payloadBytes }: ReplayCase): string => `${formatCount(messages)} × ${formatBytes(payloadBytes)}`;

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

function comparedOf(of: ReplayCase, other: ReplayCase, settings: Settings): string {
  const [ours, theirs] = [of.paced?.throughput?.median, other.paced?.throughput?.median];
  if (ours === undefined || theirs === undefined) return 'not measured';
  const rates = `${formatNumber(ours)} msg/s against ${formatNumber(theirs)} of ${sizeOf(other)}, ratio ${formatNumber(ours / theirs)}`;
  return `${rates}: ${describeDifference(ours, theirs)}${restOf(of, other, settings)}`;
}

/** How much of a difference is the rest at the end, which a longer series has once in more messages. */
function restOf(of: ReplayCase, other: ReplayCase, { pacing }: Settings): string {
  if (of.messages === other.messages) return '';
  return `; with replies in no time it would be ${describeDifference(idealRate(of.messages, pacing), idealRate(other.messages, pacing))}, by the rest at the end alone`;
}

/** Messages a second with replies in no time. */
const idealRate = (messages: number, { delayMs, settleMs }: Settings['pacing']): number =>
  (messages * 1000) / (messages * delayMs + settleMs);

/** At full speed. */
function mediansOf(of: ReplayCase, other: ReplayCase): string {
  const [ours, theirs] = [of.fast?.throughput?.median, other.fast?.throughput?.median];
  if (ours === undefined || theirs === undefined) return '–';
  return `${formatNumber(ours)} msg/s against ${formatNumber(theirs)} of ${sizeOf(other)}, ratio ${formatNumber(ours / theirs)}`;
}

function fastOf({ of, other }: Claim, evaluation: Evaluation): string {
  const ratio = other === undefined ? undefined : fastRatioOf(other, of, evaluation.settings);
  return ratio === undefined ? '–' : `${withRuns(ratio, evaluation.settings.statistics.confidence)}: ${describeEffect(ratio)}`;
}

/** Why a longer series has a higher rate. */
function pacingNote({ lowAndHigh, settings: { pacing } }: Evaluation): string {
  const most = lowAndHigh.map(({ messages }) => `${formatNumber(idealRate(messages, pacing))} msg/s for ${formatCount(messages)} messages`);
  return `With replies in no time the pacing gives ${most.join(' and ')}, since the rest at the end counts.`;
}

/** How the replay runs without its pauses. */
function fasterNote({ lowAndHigh, payload }: Evaluation): readonly string[] {
  const rates = [...lowAndHigh, ...payload].flatMap(({ fast }) => (fast?.throughput === undefined ? [] : [fast.throughput.median]));
  if (rates.length === 0) return [];
  return [
    `Full speed: without the pauses the same messages run at ${formatNumber(Math.min(...rates))} to ${formatNumber(Math.max(...rates))} a second. Runs of two series are paired by repetition, since they were measured one after the other; the verdict is by the median of the ratios of pairs, which is not the ratio of the medians.`,
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
