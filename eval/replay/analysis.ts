import { median, quantile, type Spread, spreadOf } from '../measuring/statistics.ts';
import { isLate } from './delivery-faults.ts';
import type { RunFiles } from './run-files.ts';
import type { RunRow } from './run-row.ts';
import { readLatencies } from './samples.ts';
import type { RunKind, ScenarioId } from './scenario.ts';
import type { PublishedRow, Settings } from './settings.ts';

/** One figure over the repetitions of one case. */
export interface Figure {
  readonly median: number;
  /** Over runs; `undefined` for a single one. */
  readonly spread: Spread | undefined;
  readonly runs: number;
}

/** The repetitions of one case, and the figures over them. */
export interface CaseFigures {
  readonly scenario: ScenarioId;
  readonly kind: RunKind;
  readonly messages: number;
  readonly payloadBytes: number;
  /** All of its runs, the invalid ones, too. */
  readonly rows: readonly RunRow[];
  /** Those whose figures count. */
  readonly valid: readonly RunRow[];
  readonly throughput: Figure | undefined;
  readonly adds: Figure | undefined;
  readonly overhead: Figure | undefined;
  /** Of steady runs: the cold first second. */
  readonly firstSecond: Figure | undefined;
  /** From sending to acknowledgement, where there is no schedule. */
  readonly serviceP50: Figure | undefined;
}

/** Two cases of the same number of messages, run by run: the larger payload's rate as a share of the smaller one's. */
export interface PairedRatio {
  readonly messages: number;
  readonly smallerBytes: number;
  readonly largerBytes: number;
  readonly kind: RunKind;
  /** Median and spread over the repetitions that both have. */
  readonly ratio: Figure;
}

/** One published case and ours. */
export interface ReplayCase {
  readonly messages: number;
  readonly payloadBytes: number;
  readonly published: PublishedRow | undefined;
  readonly paced: CaseFigures | undefined;
  readonly fast: CaseFigures | undefined;
  /** Messages a second in the first and the last quarter of the paced series, its pauses included; `undefined` without raw samples. */
  readonly quarters: { readonly first: number; readonly last: number } | undefined;
}

/** Percentiles over all messages of some runs, in milliseconds; `null` where fewer than ten messages are beyond one. */
export interface LatencyPercentiles {
  readonly samples: number;
  readonly p50: number;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly max: number;
}

/** Latency of one payload size, over all messages of its valid runs, in milliseconds. */
export interface LatencyDistribution extends LatencyPercentiles {
  readonly payloadBytes: number;
  readonly offeredPerSecond: number;
  readonly runs: number;
  /** Runs whose sender was late, and the percentiles without them: `undefined` where all were late. */
  readonly lateRuns: number;
  readonly onTime: LatencyPercentiles | undefined;
  readonly p1: number;
  readonly p25: number;
  readonly p75: number;
  /** The highest percentile that the number of samples supports, and its name. */
  readonly high: number;
  readonly highName: string;
}

/** The data of charts and reports, from the CSV alone. */
export interface Evaluation {
  /** Every row of the file: what was lost counts, whatever became of the run. */
  readonly allRows: readonly RunRow[];
  /** The rows that are shown: of the newest row's machine, cluster size and durability. */
  readonly rows: readonly RunRow[];
  readonly invalidRows: readonly RunRow[];
  /** Rows of other machines or settings, or replaced by newer ones. */
  readonly otherRows: number;
  readonly environment: string;
  readonly nodes: number;
  readonly durability: string;
  readonly commits: readonly string[];
  readonly lowAndHigh: readonly ReplayCase[];
  readonly payload: readonly ReplayCase[];
  readonly ratios: readonly PairedRatio[];
  readonly sweep: readonly CaseFigures[];
  readonly steady: readonly CaseFigures[];
  readonly latency: readonly CaseFigures[];
  readonly distributions: readonly LatencyDistribution[];
  readonly settings: Settings;
}

/**
 * Groups the rows into cases. Figures of different machines, cluster sizes or durabilities are never mixed: the newest row
 * determines which are shown. Of each case only the newest commit and settings count.
 * @throws {RangeError} when there are no rows.
 */
export function analyze(allRows: readonly RunRow[], settings: Settings, latencies: ReadonlyMap<string, readonly number[]>): Evaluation {
  const newest = [...allRows].sort((a, b) => a.started.localeCompare(b.started)).at(-1);
  if (newest === undefined) throw new RangeError('There are no rows to analyze.');
  const comparable = allRows.filter(
    (row) =>
      row.environment === newest.environment &&
      row.nodes === newest.nodes &&
      row.durability === newest.durability &&
      row.config_hash === newest.config_hash,
  );
  const cases = [...Map.groupBy(comparable, caseKey).values()].map(newestSeries);
  const rows = cases.flat();
  const figures = cases.map((of) => caseFigures(of, settings));
  const sweep = figures.filter(({ kind }) => kind === 'sweep').sort((a, b) => a.payloadBytes - b.payloadBytes);
  const steady = figures.filter(({ kind }) => kind === 'steady').sort((a, b) => a.payloadBytes - b.payloadBytes);
  const latency = figures.filter(({ kind }) => kind === 'latency').sort((a, b) => a.payloadBytes - b.payloadBytes);
  const replay = (ids: readonly ('low' | 'high' | 'payload')[]): readonly ReplayCase[] =>
    ids.flatMap((id) => settings.scenarios[id].map((size) => replayCase(id, size, figures, settings, latencies)));
  const payload = replay(['payload']);
  return {
    allRows,
    rows,
    invalidRows: rows.filter((row) => !row.valid),
    otherRows: allRows.length - rows.length,
    environment: newest.environment,
    nodes: newest.nodes,
    durability: newest.durability,
    commits: [...new Set(rows.map((row) => row.commit))],
    lowAndHigh: replay(['low', 'high']),
    payload,
    ratios: pairedRatios(payload, settings),
    sweep,
    steady,
    latency,
    distributions: latency.map((of) => distribution(of, latencies)).filter((of) => of !== undefined),
    settings,
  };
}

export function analyzeRuns(files: RunFiles, settings: Settings): Evaluation {
  return analyze(files.readRows(), settings, readLatencies(files.samplesFile));
}

const caseKey = (row: RunRow): string => [row.scenario, row.kind, row.messages, row.payload_bytes, row.delay_ms].join('|');
const seriesKey = (row: RunRow): string => `${row.commit}|${row.config_hash}`;

function newestSeries(rows: readonly RunRow[]): readonly RunRow[] {
  // An interrupted row is kept in the CSV, but does not replace the complete series before it.
  const candidates = rows.some((row) => row.valid) ? rows.filter((row) => row.valid) : rows;
  const newest = [...candidates].sort((a, b) => a.started.localeCompare(b.started)).at(-1);
  return newest === undefined ? [] : rows.filter((row) => seriesKey(row) === seriesKey(newest));
}

function caseFigures(rows: readonly RunRow[], settings: Settings): CaseFigures {
  const valid = rows.filter((row) => row.valid);
  const first = rows[0] as RunRow;
  const over = (pick: (row: RunRow) => number | null): Figure | undefined =>
    figureOver(
      valid.map(pick).filter((value) => value !== null),
      settings,
    );
  return {
    // The only casts: measure-run wrote both columns from these types.
    scenario: first.scenario as ScenarioId,
    kind: first.kind as RunKind,
    messages: first.messages,
    payloadBytes: first.payload_bytes,
    rows,
    valid,
    throughput: over((row) => row.throughput_per_s),
    adds: over((row) => row.adds_per_s),
    overhead: over((row) => row.overhead_per_message_ms),
    firstSecond: over((row) => row.first_second_per_s),
    serviceP50: over((row) => row.service_p50_ms),
  };
}

/** @returns `undefined` for no values. */
const figureOver = (values: readonly number[], { statistics }: Settings): Figure | undefined =>
  values.length === 0 ? undefined : { median: median(values), spread: spreadOf(values, statistics), runs: values.length };

/** The paired rates of two series as fast as possible, also of different lengths. */
export const fastRatioOf = (base: ReplayCase, other: ReplayCase, settings: Settings): Figure | undefined =>
  figureOver(ratiosOf(base.fast, other.fast), settings);

/** Each case with the smallest payload of as many messages: repetition by repetition, since the repetitions are interleaved. */
function pairedRatios(cases: readonly ReplayCase[], settings: Settings): PairedRatio[] {
  return [...Map.groupBy(cases, ({ messages }) => messages).values()].flatMap(([base, ...larger]) =>
    (['paced', 'fast'] as const).flatMap((kind) =>
      larger.flatMap((other): PairedRatio[] => {
        const ratio = figureOver(ratiosOf(base?.[kind], other[kind]), settings);
        if (base === undefined || ratio === undefined) return [];
        return [{ messages: base.messages, smallerBytes: base.payloadBytes, largerBytes: other.payloadBytes, kind, ratio }];
      }),
    ),
  );
}

function ratiosOf(base: CaseFigures | undefined, other: CaseFigures | undefined): number[] {
  const perSecond = new Map((base?.valid ?? []).map((row) => [row.repetition, row.throughput_per_s]));
  return (other?.valid ?? []).flatMap((row) => {
    const below = perSecond.get(row.repetition);
    return below === null || below === undefined || row.throughput_per_s === null ? [] : [row.throughput_per_s / below];
  });
}

function replayCase(
  scenario: ScenarioId,
  size: { readonly messages: number; readonly payloadBytes: number },
  figures: readonly CaseFigures[],
  settings: Settings,
  latencies: ReadonlyMap<string, readonly number[]>,
): ReplayCase {
  const isSame = (of: { readonly messages: number; readonly payloadBytes: number }): boolean =>
    of.messages === size.messages && of.payloadBytes === size.payloadBytes;
  const ours = (kind: RunKind): CaseFigures | undefined => figures.find((of) => of.scenario === scenario && of.kind === kind && isSame(of));
  const paced = ours('paced');
  return {
    ...size,
    published: settings.published.rows.find(isSame),
    paced,
    fast: ours('fast'),
    quarters: quartersOf(paced?.valid ?? [], settings, latencies),
  };
}

/** The rate at the beginning and at the end of a paced series: one message is sent a pause after the reply to the one before. */
function quartersOf(
  rows: readonly RunRow[],
  { pacing }: Settings,
  latencies: ReadonlyMap<string, readonly number[]>,
): ReplayCase['quarters'] {
  const quarters = rows.flatMap(({ run }) => {
    const of = latencies.get(run) ?? [];
    const count = Math.floor(of.length / 4);
    return count === 0 ? [] : [{ first: of.slice(0, count), last: of.slice(-count) }];
  });
  if (quarters.length === 0) return undefined;
  const rateOf = (ms: readonly number[]): number => 1000 / (pacing.delayMs + ms.reduce((sum, each) => sum + each, 0) / ms.length);
  return { first: rateOf(quarters.flatMap(({ first }) => first)), last: rateOf(quarters.flatMap(({ last }) => last)) };
}

/** Messages from which a percentile has ten samples beyond it. */
const P90_SAMPLES = 100;
const P99_SAMPLES = 1000;

function distribution(
  { payloadBytes, valid }: CaseFigures,
  latencies: ReadonlyMap<string, readonly number[]>,
): LatencyDistribution | undefined {
  const sortedOf = (rows: readonly RunRow[]): readonly number[] =>
    rows.flatMap((row) => latencies.get(row.run) ?? []).sort((a, b) => a - b);
  const sorted = sortedOf(valid);
  const all = percentilesOf(sorted);
  if (all === undefined) return undefined;
  const onTime = valid.filter((row) => !isLate(row));
  const [high, highName] = all.p99 !== null ? [all.p99, 'p99'] : all.p90 !== null ? [all.p90, 'p90'] : [all.max, 'max'];
  return {
    ...all,
    payloadBytes,
    offeredPerSecond: valid[0]?.offered_per_s ?? Number.NaN,
    runs: valid.length,
    lateRuns: valid.length - onTime.length,
    onTime: percentilesOf(sortedOf(onTime)),
    p1: quantile(sorted, 0.01),
    p25: quantile(sorted, 0.25),
    p75: quantile(sorted, 0.75),
    high,
    highName,
  };
}

/** @param sorted ascending. @returns `undefined` for no values. */
function percentilesOf(sorted: readonly number[]): LatencyPercentiles | undefined {
  const max = sorted.at(-1);
  if (max === undefined) return undefined;
  return {
    samples: sorted.length,
    p50: quantile(sorted, 0.5),
    p90: sorted.length < P90_SAMPLES ? null : quantile(sorted, 0.9),
    p99: sorted.length < P99_SAMPLES ? null : quantile(sorted, 0.99),
    max,
  };
}

/** (wall − pacing − settling) / messages of a published run, in milliseconds; `undefined` for one that never finished. */
export function publishedOverheadMs(row: PublishedRow, pacing: Settings['pacing']): number | undefined {
  return row.finished ? (row.wallMs - pacing.delayMs * row.messages - pacing.settleMs) / row.messages : undefined;
}
