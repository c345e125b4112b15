import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Cluster, Queue } from '../../src/index.ts';
import { addInFlightFor, withQueue } from './bench-cluster.ts';
import type { BenchContext, BenchMeasure } from './bench-measure.ts';
import type { BenchFigure } from './figure.ts';

const KIB = 1024;
const PAYLOAD_BYTES = [4, KIB, 16 * KIB, 256 * KIB, KIB * KIB] as const;
/** Bytes of payloads in flight. */
const IN_FLIGHT_BYTES = 16 * KIB * KIB;
const IN_FLIGHT_MAX = 1000;
const RUN_MS = 1000;
const START_MS = 300;
const RUNS_LONG = 10;
const OTHERS = 2;
const NAMES = { alone: 'elections without a fault', beside: `the same beside ${OTHERS} busy processes` } as const;

/**
 * Elections during a second of adds of 4 B, 1 KiB, 16 KiB, 256 KiB and 1 MiB each, on a fresh cluster for each: no fault stops or isolates
 * a node, so that each election is unwanted. Then the same beside two busy processes. One value for each payload; with `--long` ten.
 */
export const elections: BenchMeasure = {
  label: 'elections',
  expectedMs: 2 * PAYLOAD_BYTES.length * (RUN_MS + START_MS),
  when: 'last',
  nodesMin: 3,
  figures: Object.values(NAMES).map((name) => ({ name, unit: 'count', better: 'less', floor: 'none', goals: [{ of: 'worst', limit: 0 }] })),
  measure: (context) => measured(context, 1),
  long: {
    expectedMs: RUNS_LONG * 2 * PAYLOAD_BYTES.length * (RUN_MS + START_MS),
    measure: (context) => measured(context, RUNS_LONG),
  },
};

async function measured(context: BenchContext, runs: number): Promise<BenchFigure[]> {
  const alone = await electionsOf(context, runs);
  using _others = startOthers();
  const beside = await electionsOf(context, runs);
  return [
    ...alone.map((value) => ({ figure: NAMES.alone, unit: 'count', value }) as const),
    ...beside.map((value) => ({ figure: NAMES.beside, unit: 'count', value }) as const),
  ];
}

/** One value for each payload and run. */
async function electionsOf(context: BenchContext, runs: number): Promise<number[]> {
  const counts: number[] = [];
  for (const bytes of PAYLOAD_BYTES) {
    for (let run = 0; run < runs && !context.signal.aborted; run += 1) {
      const dataDir = join(context.dataDir, String(counts.length));
      counts.push(await withQueue({ ...context, dataDir }, ({ cluster, queue }) => electionsDuring(cluster, queue, bytes, context.signal)));
    }
  }
  return counts;
}

async function electionsDuring(cluster: Cluster, queue: Queue, bytes: number, signal: AbortSignal): Promise<number> {
  const before = await termOf(cluster);
  const inFlightMax = Math.max(1, Math.min(IN_FLIGHT_MAX, Math.floor(IN_FLIGHT_BYTES / bytes)));
  await addInFlightFor(queue, RUN_MS, { bytes, inFlightMax, signal });
  return (await termOf(cluster)) - before;
}

const termOf = async (cluster: Cluster): Promise<number> => (await cluster.status(await cluster.waitForLeader())).term;

/** Processes that keep one core busy each, until they are disposed. */
function startOthers(): Disposable {
  const others: ChildProcess[] = Array.from({ length: OTHERS }, () => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
  return {
    [Symbol.dispose]: () => {
      for (const other of others) other.kill('SIGKILL');
    },
  };
}
