import { existsSync, readFileSync } from 'node:fs';
import { readLastSession } from '../bench/bench-file.ts';
import { readEnvironments } from '../measuring/environment.ts';
import type { ResultsFolder } from '../measuring/results-folder.ts';
import { median } from '../measuring/statistics.ts';
import { isEstablished } from '../measuring/steadiness.ts';
import { load } from '../questions/load/load.ts';
import { nodes } from '../questions/nodes/nodes.ts';
import { type Answer, readAnswer, type SessionFacts } from '../questions/question-file.ts';
import { reasons } from '../questions/reasons/reasons.ts';
import { type SizeRow, size } from '../questions/size.ts';
import type { UsedColumns } from '../questions/used-columns.ts';
import type { LeaderShares, Used } from './limits.ts';
import { notSteadyOf, readPeers } from './peers-session.ts';

/** The highest rate of one load, and what it uses. */
export interface LimitFigures {
  readonly payloadBytes: number;
  readonly load: 'adds alone' | 'add, claim, complete';
  readonly perSecond: number;
  /** Of each round. */
  readonly rates: readonly number[];
  /** Payload, 10^6 B a second. */
  readonly megabytesPerSecond: number;
  readonly rounds: number;
  readonly steadyRounds: number;
  readonly used: Used;
  /** No round was steady, or the same payload is added faster where it is also claimed and completed: this is no limit. */
  readonly isEstablished: boolean;
  /** Measured together with the rate; undefined where the system does not say. */
  readonly leader: LeaderShares | undefined;
}

/** The rate of the same load in another program of the evaluation. */
export interface OtherRate {
  readonly what: string;
  readonly isAdds: boolean;
  readonly perSecond: number;
  /** How many values the median is of. */
  readonly count: number;
  /** False where no round became steady. */
  readonly isSteady: boolean;
}

/** Figures of one session, and what 100 % of the disk is; `undefined` where the question about sizes was not measured. */
export interface Limits {
  readonly facts: SessionFacts;
  readonly sizes: Answer<SizeRow>;
  readonly loads: readonly LimitFigures[];
  readonly cores: number | undefined;
  /** Payload that each of the nodes' files takes when all are written at once, 10^6 B a second. */
  readonly diskMegabytesPerSecond: number | undefined;
  /** Rates of 64 B in other programs of the evaluation. */
  readonly elsewhere: readonly OtherRate[];
}

/** Payloads of the limits: small, 1 KiB, 64 KiB and 1 MiB. */
const PAYLOADS = [64, 1024, 65_536, 1_048_576];
/** The same load in the bench and in the comparison with other queues. */
const ADDS_FIGURE = 'add, 64 B, many in flight';

/** @throws {UserError} when a CSV is not what it should be. */
export function readLimits(results: ResultsFolder): Limits | undefined {
  const sizes = readAnswer(results, size);
  if (sizes === undefined) return undefined;
  const { facts } = sizes;
  const cores = readEnvironments(results.environmentFile)[facts.environment]?.cores;
  const disk = medianOf(sizes.rows.filter(({ subject }) => subject === 'disk, one file a node').map(({ mb_per_s }) => mb_per_s));
  const loads = PAYLOADS.flatMap((bytes) =>
    (['jobraft', 'jobraft, completed'] as const).flatMap((of) =>
      limitFigures(
        sizes.rows.filter(({ subject, payload_bytes }) => subject === of && payload_bytes === bytes),
        disk,
        facts.nodes,
      ),
    ),
  );
  return {
    facts,
    sizes,
    loads: loads.map((of) => ({ ...of, isEstablished: of.isEstablished && !isBelowCycle(of, loads) })),
    cores,
    diskMegabytesPerSecond: disk,
    elsewhere: elsewhereIn(results, facts.nodes),
  };
}

/** Fewer adds alone than adds that are claimed and completed, too. */
const isBelowCycle = ({ load: kind, payloadBytes, perSecond }: LimitFigures, loads: readonly LimitFigures[]): boolean =>
  kind === 'adds alone' && loads.some((of) => of.load !== kind && of.payloadBytes === payloadBytes && of.perSecond > perSecond);

/** Of the same load, or of one that differs only in its clients; also of rates that did not become steady. */
function elsewhereIn(results: ResultsFolder, count: number): Limits['elsewhere'] {
  return [...benchRates(results), ...questionRates(results, count), ...peerRates(results)];
}

const otherRate = (what: string, rates: readonly (number | null)[], isSteady: boolean): Limits['elsewhere'] => {
  const known = rates.filter((rate) => rate !== null);
  const perSecond = medianOf(known);
  return perSecond === undefined ? [] : [{ what, isAdds: what.startsWith('adds alone'), perSecond, count: known.length, isSteady }];
};

function benchRates({ benchFile }: ResultsFolder): Limits['elsewhere'] {
  const figures = existsSync(benchFile) ? readLastSession(benchFile).figures.filter(({ figure }) => figure === ADDS_FIGURE) : [];
  return otherRate(
    'adds alone in npm run bench',
    figures.map(({ value }) => value),
    figures.some(({ isSteady }) => isSteady !== false),
  );
}

function questionRates(results: ResultsFolder, count: number): Limits['elsewhere'] {
  const ofReasons = (readAnswer(results, reasons)?.rows ?? []).filter(
    ({ variant, kind }) => variant === 'jobraft as it is' && kind === 'rate',
  );
  const ofNodes = (readAnswer(results, nodes)?.rows ?? []).filter(
    (row) => row.subject === 'cluster' && row.nodes === count && row.in_flight > 1,
  );
  const capacities = (readAnswer(results, load)?.rows ?? []).filter(({ rate_share }) => rate_share === null);
  const addsOf = (rows: readonly { readonly adds_per_s: number | null }[]) => rows.map(({ adds_per_s }) => adds_per_s);
  return [
    ...otherRate('adds alone ("What does a node more cost?")', addsOf(ofNodes), isEstablished(ofNodes)),
    ...otherRate('adds alone from 16 clients ("Why is it fast?")', addsOf(ofReasons), isEstablished(ofReasons)),
    ...otherRate(
      'completed with a thread each for sender and consumer (the capacity below)',
      capacities.map(({ achieved_per_s }) => achieved_per_s),
      isEstablished(capacities),
    ),
  ];
}

function peerRates({ peersFile }: ResultsFolder): Limits['elsewhere'] {
  const session = existsSync(peersFile) ? readPeers(readFileSync(peersFile, 'utf8')) : undefined;
  const of = (what: string, measure: string): Limits['elsewhere'] => {
    const row = session?.find('jobraft', measure);
    if (row === undefined) return [];
    return [
      { what, isAdds: what.startsWith('adds alone'), perSecond: row.value, count: row.rounds, isSteady: notSteadyOf(row) < row.rounds },
    ];
  };
  return [...of('adds alone beside other queues', ADDS_FIGURE), ...of('completed beside other queues', 'add, claim, complete')];
}

const medianOf = (values: readonly number[]): number | undefined => (values.length === 0 ? undefined : median(values));

/** @param disk what each of the nodes' files takes when all are written at once, 10^6 B a second. */
function limitFigures(rows: readonly SizeRow[], disk: number | undefined, nodeCount: number): readonly LimitFigures[] {
  const [first] = rows;
  const medianIn = (column: keyof UsedColumns | 'adds_per_s'): number | undefined =>
    medianOf(rows.flatMap((row) => (row[column] === null ? [] : [row[column]])));
  const perSecond = medianIn('adds_per_s');
  if (first?.payload_bytes == null || perSecond === undefined) return [];
  const isCompleted = first.subject === 'jobraft, completed';
  const leader = leaderOf(medianIn);
  const written = medianIn('disk_mb_per_s');
  return [
    {
      ...{ payloadBytes: first.payload_bytes, load: isCompleted ? 'add, claim, complete' : 'adds alone', perSecond },
      megabytesPerSecond: median(rows.map(({ mb_per_s }) => mb_per_s)),
      ...{ rounds: rows.length, steadyRounds: rows.filter(({ is_steady }) => is_steady === 1).length },
      rates: rows.flatMap(({ adds_per_s }) => (adds_per_s === null ? [] : [adds_per_s])),
      used: known({
        "leader's thread": leader && leader.onProcessor + leader.ready + leader.onDisk,
        "client's thread": sumOf([medianIn('client_on_processor'), medianIn('client_ready')]),
        processors: medianIn('processors_share'),
        "disk's time": medianIn('disk_busy'),
        "disk's bytes": written === undefined || disk === undefined ? undefined : written / nodeCount / disk,
      }),
      ...{ leader, isEstablished: rows.some(({ is_steady }) => is_steady === 1) },
    },
  ];
}

/** `undefined` unless all are known. */
const sumOf = (values: readonly (number | undefined)[]): number | undefined =>
  values.reduce((sum, value) => (sum === undefined || value === undefined ? undefined : sum + value), 0);

function leaderOf(medianIn: (column: keyof UsedColumns) => number | undefined): LeaderShares | undefined {
  const [onProcessor, ready, onDisk] = [medianIn('leader_on_processor'), medianIn('leader_ready'), medianIn('leader_on_disk')];
  return onProcessor === undefined || ready === undefined || onDisk === undefined ? undefined : { onProcessor, ready, onDisk };
}

const known = (used: { readonly [Name in keyof Used]: Used[Name] | undefined }): Used =>
  Object.fromEntries(Object.entries(used).filter(([, share]) => share !== undefined));
