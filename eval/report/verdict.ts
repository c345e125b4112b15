import type { Figure } from '../replay/analysis.ts';

/**
 * `yes`: the runs show it. `as paced`: only with the published pauses, and full speed shows neither it nor the opposite. `in part`: as paced,
 * and full speed shows the opposite. `no`: they show the opposite. `not shown`: they show neither.
 */
export type Verdict = 'yes' | 'as paced' | 'in part' | 'no' | 'not shown';

/** A verdict in a sentence. */
export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  yes: 'yes',
  'as paced': "with the original's pauses yes, without them neither shown nor excluded",
  'in part': "with the original's pauses yes, without them no",
  no: 'no',
  'not shown': 'not shown',
};

/** What a verdict is given by. Rates in messages a second. */
export interface Evidence {
  /** Each message was acknowledged and delivered once, unchanged, in all paced runs. */
  readonly isDelivered: boolean;
  /** No paced run is invalid. */
  readonly isValid: boolean;
  /** Median of the paced runs; `undefined` where there are none. */
  readonly pacedPerSecond: number | undefined;
  /** What the original's authors report; 0 where they have none. */
  readonly publishedPerSecond: number;
  /** Rates of the beginning and the end of the series. */
  readonly quarters?: { readonly first: number; readonly last: number } | undefined;
  /** Of the series that must not be faster; `undefined` where its rate is not known. */
  readonly compared: { readonly pacedPerSecond: number | undefined; readonly fastRatio: Figure | undefined } | undefined;
}

/** A rate may be this share below that of the series with which it is compared. */
const BELOW_MAX = 0.05;

/** How {@link verdictOf} decides, for the report. */
export const VERDICT_RULES: readonly string[] = [
  `"yes": every message is acknowledged, and delivered once and unchanged; the paced rate is at least the published one; where two series are compared, at most ${BELOW_MAX * 100} % below that of the other one; and the last quarter of a series is at most as much below its first.`,
  `"as paced": that holds, but at full speed a rate more than ${BELOW_MAX * 100} % below is not excluded. "in part": that holds, but at full speed the series is slower, with its whole interval. "no": it does not hold. "not shown": a run is missing or invalid.`,
  'A rate of n=1 is of one series, without an interval.',
];

/** A smaller cost of a message, in milliseconds, is within what {@link verdictOf} allows, beside a pause of so many. */
export const unseenBelowMs = (pauseMs: number): number => (pauseMs * BELOW_MAX) / (1 - BELOW_MAX);

export function verdictOf({ isDelivered, isValid, pacedPerSecond, publishedPerSecond, quarters, compared }: Evidence): Verdict {
  if (pacedPerSecond === undefined || (compared !== undefined && compared.pacedPerSecond === undefined)) return 'not shown';
  if (!isDelivered) return 'no';
  if (!isValid) return 'not shown';
  if (pacedPerSecond < publishedPerSecond) return 'no';
  if (quarters !== undefined && quarters.last < quarters.first * (1 - BELOW_MAX)) return 'no';
  if (pacedPerSecond < (compared?.pacedPerSecond ?? 0) * (1 - BELOW_MAX)) return 'no';
  const fast = compared?.fastRatio;
  if (fast === undefined) return 'yes';
  if (effectOf(fast) === 'slower') return 'in part';
  return (fast.spread?.low ?? 0) < 1 - BELOW_MAX ? 'as paced' : 'yes';
}

type Effect = 'slower' | 'faster' | 'none' | 'not known';

const EFFECTS: Readonly<Record<Effect, string>> = {
  slower: 'slower',
  faster: 'faster',
  none: 'no measurable effect',
  'not known': 'one pair: not known',
};

/** Of a ratio of rates, by its interval or range. */
export function effectOf({ spread }: Figure): Effect {
  if (spread === undefined) return 'not known';
  if (spread.low <= 1 && spread.high >= 1) return 'none';
  return spread.high < 1 ? 'slower' : 'faster';
}

/** Of the interval, or of the range where there are few pairs. */
export function describeEffect(ratio: Figure): string {
  const effect = effectOf(ratio);
  const loss = Math.round(100 * (1 - (ratio.spread?.low ?? 1)));
  if (effect === 'none' && loss > 0) return `${EFFECTS.none}; a loss of up to ${loss} % is not excluded`;
  const isRange = ratio.spread?.kind === 'range' && (effect === 'slower' || effect === 'faster');
  return isRange ? `${effect} in all ${ratio.runs} pairs` : EFFECTS[effect];
}

/** `6.3 % above`, `0.4 % below`, of the other rate. */
export function describeDifference(perSecond: number, otherPerSecond: number): string {
  const percent = 100 * (perSecond / otherPerSecond - 1);
  return Math.abs(percent) < 0.05 ? 'the same' : `${Math.abs(percent).toFixed(1)} % ${percent < 0 ? 'below' : 'above'}`;
}
