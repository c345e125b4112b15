import { existsSync, readFileSync } from 'node:fs';
import { readLastSession } from '../bench/bench-file.ts';
import { mediansOf } from '../bench/bench-table.ts';
import { FLOOR } from '../bench/figure.ts';
import { type ProfileRow, parseProfileRows } from '../charts/profile-chart.ts';
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
import { RunFiles } from '../replay/run-files.ts';
import type { RunRow } from '../replay/run-row.ts';
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
  /** Measured together with the rate; sessions before this was measured have the share in SQLite's commits, of another run, instead. */
  readonly leader: LeaderShares | undefined;
  /** Share of the leader's thread's time in SQLite's commits, by the profiler. */
  readonly commitShare: number | undefined;
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
  /** Commits a second of each of the nodes' files when all commit at once. */
  readonly commitsPerSecond: number | undefined;
}

/** Payloads of the limits: small, 1 KiB, 64 KiB and 1 MiB. */
const PAYLOADS = [64, 1024, 65_536, 1_048_576];
const SMALL_BYTES = 64;
/** Measures of the profile, by the payload of their adds. */
const PROFILES: Readonly<Record<number, string>> = {
  [SMALL_BYTES]: 'adds, many in flight',
  65536: 'adds of 64 KiB',
  1048576: 'adds of 1 MiB',
};
/** The same load in the bench and in the comparison with other queues. */
const ADDS_FIGURE = 'add, 64 B, many in flight';
const CYCLE_PROFILE = 'add, claim, complete';

/** @throws {UserError} when a CSV is not what it should be. */
export function readLimits(results: ResultsFolder): Limits | undefined {
  const sizes = readAnswer(results, size);
  if (sizes === undefined) return undefined;
  const { facts } = sizes;
  const profile = existsSync(results.profileFile) ? parseProfileRows(readFileSync(results.profileFile, 'utf8')) : [];
  const cores = readEnvironments(results.environmentFile)[facts.environment]?.cores;
  const disk = medianOf(sizes.rows.filter(({ subject }) => subject === 'disk, one file a node').map(({ mb_per_s }) => mb_per_s));
  const commitMs = existsSync(results.benchFile) ? mediansOf(readLastSession(results.benchFile).figures)(FLOOR.commitOfNodes) : undefined;
  const machine = { cores, disk, commits: commitMs === undefined ? undefined : 1000 / commitMs, nodes: facts.nodes };
  const steady = RunFiles.at(results)
    .readRows()
    .filter(({ kind, valid }) => kind === 'steady' && valid);
  const completed = (bytes: number): readonly SizeRow[] =>
    sizes.rows.filter(({ subject, payload_bytes }) => subject === 'jobraft, completed' && payload_bytes === bytes);
  const loads = PAYLOADS.flatMap((bytes) => [
    ...addsOrCompletions(
      sizes.rows.filter(({ subject, payload_bytes }) => subject === 'jobraft' && payload_bytes === bytes),
      profile,
      { ...machine, processors: bytes === SMALL_BYTES ? addersProcessors(results) : undefined },
    ),
    ...(completed(bytes).length > 0
      ? addsOrCompletions(completed(bytes), profile, machine)
      : cycles(
          steady.filter((row) => row.payload_bytes === bytes),
          profile,
          machine,
        )),
  ]);
  return {
    facts,
    sizes,
    loads: loads.map((of) => ({ ...of, isEstablished: of.isEstablished && !isBelowCycle(of, loads) })),
    cores,
    diskMegabytesPerSecond: disk,
    commitsPerSecond: machine.commits,
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

interface Machine {
  readonly cores: number | undefined;
  readonly disk: number | undefined;
  readonly commits: number | undefined;
  readonly nodes: number;
}

const medianOf = (values: readonly number[]): number | undefined => (values.length === 0 ? undefined : median(values));
const shareOf = (value: number | undefined, whole: number | undefined): number | undefined =>
  value === undefined || whole === undefined ? undefined : value / whole;

/** Processors that the process of jobraft takes while 64 B are added, as the comparison with other queues measures it. */
function addersProcessors({ peersFile }: ResultsFolder): number | undefined {
  const percent = existsSync(peersFile) ? readPeers(readFileSync(peersFile, 'utf8'))?.clientPercentOf('jobraft') : undefined;
  return percent === undefined ? undefined : percent / 100;
}

function addsOrCompletions(
  rows: readonly SizeRow[],
  profile: readonly ProfileRow[],
  { cores, disk, processors, nodes }: Machine & { readonly processors?: number | undefined },
): readonly LimitFigures[] {
  const [first] = rows;
  const medianIn = (column: keyof UsedColumns | 'adds_per_s'): number | undefined =>
    medianOf(rows.flatMap((row) => (row[column] === null ? [] : [row[column]])));
  const perSecond = medianIn('adds_per_s');
  if (first?.payload_bytes == null || perSecond === undefined) return [];
  const megabytesPerSecond = median(rows.map(({ mb_per_s }) => mb_per_s));
  const isCompleted = first.subject === 'jobraft, completed';
  const profiled = threadsOf(profile, isCompleted ? undefined : PROFILES[first.payload_bytes]);
  const leader = leaderOf(medianIn);
  const client = sumOf([medianIn('client_on_processor'), medianIn('client_ready')]);
  const written = medianIn('disk_mb_per_s');
  return [
    {
      ...{ payloadBytes: first.payload_bytes, load: isCompleted ? 'add, claim, complete' : 'adds alone', perSecond, megabytesPerSecond },
      ...{ rounds: rows.length, steadyRounds: rows.filter(({ is_steady }) => is_steady === 1).length },
      rates: rows.flatMap(({ adds_per_s }) => (adds_per_s === null ? [] : [adds_per_s])),
      used: known({
        ...profiled.used,
        ...known({
          "leader's thread": leader && leader.onProcessor + leader.ready + leader.onDisk,
          "client's thread": client,
          processors: medianIn('processors_share') ?? shareOf(processors, cores),
          "disk's time": medianIn('disk_busy'),
          "disk's bytes": written === undefined ? shareOf(megabytesPerSecond, disk) : shareOf(written / nodes, disk),
        }),
      }),
      ...{ leader, commitShare: profiled.commitShare, isEstablished: rows.some(({ is_steady }) => is_steady === 1) },
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

function cycles(
  rows: readonly RunRow[],
  profile: readonly ProfileRow[],
  { cores, disk, commits, nodes }: Machine,
): readonly LimitFigures[] {
  const [first] = rows;
  const perSecond = medianOf(rows.flatMap(({ throughput_per_s }) => (throughput_per_s === null ? [] : [throughput_per_s])));
  if (first === undefined || perSecond === undefined) return [];
  const megabytesPerSecond = (perSecond * first.payload_bytes) / 1e6;
  const overRun = (column: 'cpu_ms' | 'fsyncs'): number | undefined =>
    medianOf(rows.flatMap((row) => (row[column] === null ? [] : [row[column] / ((row.warm_up_ms ?? 0) + (row.wall_ms ?? 0))])));
  const syncs = overRun('fsyncs');
  const threads = threadsOf(profile, first.payload_bytes === SMALL_BYTES ? CYCLE_PROFILE : undefined);
  return [
    {
      ...{ payloadBytes: first.payload_bytes, load: 'add, claim, complete', perSecond, megabytesPerSecond },
      ...{ rounds: rows.length, steadyRounds: rows.filter(({ is_steady }) => is_steady === 1).length },
      rates: rows.flatMap(({ throughput_per_s }) => (throughput_per_s === null ? [] : [throughput_per_s])),
      used: known({
        ...threads.used,
        processors: shareOf(overRun('cpu_ms'), cores),
        "disk's bytes": shareOf(megabytesPerSecond, disk),
        "disk's syncs": shareOf(syncs === undefined ? undefined : (syncs * 1000) / nodes, commits),
      }),
      ...{ leader: undefined, commitShare: threads.commitShare, isEstablished: rows.some(({ is_steady }) => is_steady === 1) },
    },
  ];
}

const known = (used: { readonly [Name in keyof Used]: Used[Name] | undefined }): Used =>
  Object.fromEntries(Object.entries(used).filter(([, share]) => share !== undefined));

/** Shares of the threads' time in the profile of a measure. */
function threadsOf(
  profile: readonly ProfileRow[],
  measure: string | undefined,
): { readonly used: Used; readonly commitShare: number | undefined } {
  const shareIn = (thread: string, isCounted: (row: ProfileRow) => boolean): number | undefined => {
    const rows = profile.filter((row) => row.measure === measure && row.thread === thread);
    const sum = (of: readonly ProfileRow[]): number => of.reduce((total, { ms }) => total + ms, 0);
    return rows.length === 0 ? undefined : sum(rows.filter(isCounted)) / sum(rows);
  };
  const isActive = ({ activity }: ProfileRow): boolean => activity !== 'idle';
  return {
    used: known({ "leader's thread": shareIn('leader', isActive), "client's thread": shareIn('main thread', isActive) }),
    commitShare: shareIn('leader', ({ activity }) => activity === 'SQLite: commit (WAL, fsync, write-back)'),
  };
}
