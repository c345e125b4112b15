import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Queue } from '../../src/index.ts';
import { LaneLoad } from '../load/lane-load.ts';
import { STEADY_STATE_EXPECTED_MS } from '../load/steady-state.ts';
import { waitingJobsThatFit } from '../load/waiting-jobs.ts';
import { inFlight, SMALL_BYTES, withQueue } from './bench-cluster.ts';
import { type BenchContext, type BenchMeasure, nodeCountOf } from './bench-measure.ts';
import { type ClusterKind, threads } from './cluster-kind.ts';
import { CycleLoad } from './cycle-load.ts';
import { type BenchFigure, type FigureDefinition, FLOOR } from './figure.ts';
import { payloadsPerSecond } from './payload-floor.ts';
import { largePayloadAdds, measureRate, smallAdds, steadyDefinitions } from './steady-rate.ts';

/** Start and end of a cluster, and the steady state of one load. */
const EXPECTED_MS = STEADY_STATE_EXPECTED_MS + 500;
/** Files to allocate, and payloads to write. */
const FLOOR_MS = 1_500;

export const ADDS_IN_FLIGHT = 'add, 64 B, many in flight';
const IN_FLIGHT_MAX = 4000;

/** Acknowledged adds a second: 64 B, by add(), 4,000 calls in flight from one client, without a consumer. */
export const addsInFlightOf = (kind: ClusterKind, goal?: number): BenchMeasure => {
  const name = kind.prefix + ADDS_IN_FLIGHT;
  return {
    label: `${kind.prefix}adds, many in flight`,
    expectedMs: EXPECTED_MS + kind.processesMs,
    when: 'every-round',
    needsFiles: kind !== threads,
    figures: steadyDefinitions({ name, unit: '/s', better: 'more', floor: 'commit', isShown: true, ...goalsOf(goal) }),
    measure: (context) =>
      kind.withQueue(context, async ({ queue }) => {
        const load = smallAdds(queue, { lanes: IN_FLIGHT_MAX, nodes: nodeCountOf(context.config) });
        return measureRate(load, context.signal, { name, unit: '/s' });
      }),
  };
};

/**
 * The same, and as a ratio to the median of another kind in this session; without one, of `--only`, the ratio is left out. @param goal of
 * the ratio.
 */
export function addsInFlightBeside(kind: ClusterKind, other: ClusterKind, goal: number): BenchMeasure {
  const measure = addsInFlightOf(kind);
  const name = kind.prefix + ADDS_IN_FLIGHT;
  const ratio = `${name}, as a share of ${other.prefix}`.replace(/:? *$/, '');
  return {
    ...measure,
    figures: [...measure.figures, { name: ratio, unit: '×', better: 'more', floor: 'none', ...goalsOf(goal) }],
    measure: async (context) => {
      const figures = await measure.measure(context);
      const value = figures.find(({ figure }) => figure === name)?.value;
      const others = context.medianOf(other.prefix + ADDS_IN_FLIGHT);
      return value === undefined || others === undefined ? figures : [...figures, { figure: ratio, unit: '×', value: value / others }];
    },
  };
}

const goalsOf = (limit: number | undefined): Pick<FigureDefinition, 'goals'> =>
  limit === undefined ? {} : { goals: [{ of: 'median', limit }] };

export const addsInFlight = addsInFlightOf(threads, 150_000);

const BULK = 'addBulk of 1,000, 64 B';
const BULK_JOBS = 1000;
const BULKS_IN_FLIGHT = 8;

/** The same by addBulk() of 1,000, eight bulks in flight. */
export const addsInBulk: BenchMeasure = {
  label: 'adds in bulk',
  expectedMs: EXPECTED_MS,
  when: 'every-round',
  figures: steadyDefinitions({ name: BULK, unit: '/s', better: 'more', floor: 'commit', goals: [{ of: 'median', limit: 300_000 }] }),
  measure: (context) =>
    withQueue(context, async ({ queue }) => {
      const jobs = bulk();
      const load = new LaneLoad({
        lanes: BULKS_IN_FLIGHT,
        call: () => queue.addBulk(jobs),
        eventsOfCall: BULK_JOBS,
        eventsMax: waitingJobsThatFit(nodeCountOf(context.config)),
      });
      return measureRate(load, context.signal, { name: BULK, unit: '/s' });
    }),
};

/** Adds `count` bulks of 1,000 jobs of 64 B, eight in flight. */
export async function addBulks(queue: Queue, count: number, signal: AbortSignal): Promise<void> {
  const jobs = bulk();
  await inFlight(count, BULKS_IN_FLIGHT, signal, () => queue.addBulk(jobs));
}

function bulk(): readonly { readonly name: string; readonly data: Uint8Array }[] {
  const payload = new Uint8Array(SMALL_BYTES);
  return Array.from({ length: BULK_JOBS }, () => ({ name: 'message', data: payload }));
}

const CYCLE = 'add, claim, complete';

/** Jobs a second through a full cycle: added, claimed and completed by one Worker with an empty handler, concurrency 100. */
export const cycleOf = (kind: ClusterKind, goal?: number): BenchMeasure => {
  const name = kind.prefix + CYCLE;
  return {
    label: name,
    expectedMs: EXPECTED_MS + kind.processesMs,
    when: 'every-round',
    needsFiles: kind !== threads,
    figures: steadyDefinitions({ name, unit: '/s', better: 'more', floor: 'commit', isShown: true, ...goalsOf(goal) }),
    measure: (context) =>
      kind.withQueue(context, ({ queue, client }) => measureRate(new CycleLoad(queue, client), context.signal, { name, unit: '/s' })),
  };
};

export const cycle = cycleOf(threads, 60_000);

const LARGE = 'add, 64 KiB';
const HUGE = 'add, 1 MiB';
/** Each with the floor that is measured just before it. */
const LARGE_LOAD = { bytes: 65_536, lanes: 64, waitingMax: 512, floorCount: 2_000 };
const HUGE_LOAD = { bytes: 1_048_576, lanes: 16, waitingMax: 64, floorCount: 160 };
const SHARE_GOALS = { goals: [{ of: 'median', limit: 0.5 }] } as const;

const shareOf = (name: string): string => `${name}, as a share of its floor`;

interface PayloadLoad {
  readonly name: string;
  readonly unit: '/s' | 'MB/s';
  readonly floor: string;
  readonly load: typeof LARGE_LOAD;
}

/** The rate that the machine reaches without jobraft, that of a cluster, and the share of the one in the other. */
async function measurePayloads(context: BenchContext, { name, unit, floor, load }: PayloadLoad): Promise<readonly BenchFigure[]> {
  const perEvent = unit === '/s' ? 1 : load.bytes / 1e6;
  const floorValue = perEvent * (await payloadFloor(context, load));
  const figures = await withQueue(context, ({ queue }) =>
    measureRate(largePayloadAdds(queue, load), context.signal, { name, unit, perEvent }),
  );
  const value = figures.find(({ figure }) => figure === name)?.value ?? Number.NaN;
  return [{ figure: floor, unit, value: floorValue }, ...figures, { figure: shareOf(name), unit: '×', value: value / floorValue }];
}

async function payloadFloor({ dataDir, config }: BenchContext, load: typeof LARGE_LOAD): Promise<number> {
  const folder = join(dataDir, 'floor');
  mkdirSync(folder, { recursive: true });
  const { bytes: payloadBytes, lanes: inFlight, floorCount: count } = load;
  const perSecond = await payloadsPerSecond({ folder, nodes: nodeCountOf(config), payloadBytes, inFlight, count });
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return perSecond;
}

const payloadDefinitions = (definition: FigureDefinition, floor: string): readonly FigureDefinition[] => [
  { name: floor, unit: definition.unit, better: 'more', floor: 'none', isCondition: true },
  ...steadyDefinitions(definition),
  { name: shareOf(definition.name), unit: '×', better: 'more', floor: 'none', ...SHARE_GOALS },
];

/** Payload of acknowledged adds in MB/s (10^6 B), 64 in flight: below 16 KiB in SQLite's log, from there on in a segment. */
const mediumAddsOf = (kibibytes: number): BenchMeasure => {
  const rate = { name: `add, ${kibibytes} KiB`, unit: 'MB/s' } as const;
  const load = { bytes: kibibytes * 1_024, lanes: 64, waitingMax: 2_048 };
  return {
    label: `adds of ${kibibytes} KiB`,
    expectedMs: EXPECTED_MS,
    when: 'every-round',
    figures: steadyDefinitions({ ...rate, better: 'more', floor: 'disk', isShown: true }),
    measure: (context) =>
      withQueue(context, ({ queue }) =>
        measureRate(largePayloadAdds(queue, load), context.signal, { ...rate, perEvent: load.bytes / 1e6 }),
      ),
  };
};

export const adds8KiB = mediumAddsOf(8);
export const adds16KiB = mediumAddsOf(16);

/** Acknowledged adds a second of 64 KiB, 64 in flight. */
export const largeAdds: BenchMeasure = {
  label: 'adds of 64 KiB',
  expectedMs: EXPECTED_MS + FLOOR_MS,
  when: 'every-round',
  figures: payloadDefinitions(
    { name: LARGE, unit: '/s', better: 'more', floor: 'commit', goals: [{ of: 'median', limit: 2500 }] },
    FLOOR.largePayloads,
  ),
  measure: (context) => measurePayloads(context, { name: LARGE, unit: '/s', floor: FLOOR.largePayloads, load: LARGE_LOAD }),
};

/**
 * Payload of acknowledged adds in MB/s (10^6 B): 1 MiB each, 16 in flight. The disk's own rate is shown beside it (`floor: disk`).
 */
export const hugeAdds: BenchMeasure = {
  label: 'adds of 1 MiB',
  expectedMs: EXPECTED_MS + FLOOR_MS,
  when: 'every-round',
  figures: payloadDefinitions(
    { name: HUGE, unit: 'MB/s', better: 'more', floor: 'disk', goals: [{ of: 'median', limit: 150, orFigure: FLOOR.diskOfNodes }] },
    FLOOR.hugePayloads,
  ),
  measure: (context) => measurePayloads(context, { name: HUGE, unit: 'MB/s', floor: FLOOR.hugePayloads, load: HUGE_LOAD }),
};
