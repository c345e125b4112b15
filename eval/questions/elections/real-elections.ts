import { SeededRandom } from '../../../src/base/random.ts';
import type { Cluster, Queue } from '../../../src/index.ts';
import { faultsOf } from '../../../src/testing/index.ts';
import { withQueue } from '../../bench/bench-cluster.ts';
import { caughtUp } from '../../measuring/catch-up.ts';
import { systemClock } from '../../measuring/clock.ts';
import type { StepContext } from '../question.ts';
import { heartbeatMsOf, type TimeoutRange } from './timeout-ranges.ts';

export interface RealElections {
  readonly nodes: number;
  readonly timeouts: TimeoutRange;
  readonly trials: number;
  /** One way, beside what the threads and their disks take. */
  readonly delayMs: { readonly from: number; readonly to: number };
  /** An election that takes longer is not awaited. */
  readonly limitMs: number;
}

const PAYLOAD = new Uint8Array(64);
const POLL_MS = 1;
/** A leader may lose its leadership before it is to end; the trial then begins again. */
const ATTEMPTS_MAX = 10;

/**
 * Leaders that end without a notice: their threads are blocked, and their channels stay open until another leads. An add is acknowledged, so
 * that all followers have just received a message; the leader ends at a random moment of the heartbeat interval after it.
 * @returns for each trial the milliseconds until another node leads; `undefined` where that took longer than the limit.
 */
export function realElections(context: StepContext, setup: RealElections): Promise<readonly (number | undefined)[]> {
  const { timeouts } = setup;
  const bounds = {
    electionTimeoutMs: timeouts.minMs,
    electionTimeoutMaxMs: timeouts.maxMs,
    heartbeatMs: heartbeatMsOf(timeouts),
    leaseMs: 0,
  };
  const config = { ...context.config, raft: { ...context.config.raft, ...bounds } };
  const random = new SeededRandom(context.seed);
  return withQueue(
    { ...context, config, medianOf: () => undefined },
    async ({ cluster, queue }) => {
      await faultsOf(cluster).delay({ fromMs: setup.delayMs.from, toMs: setup.delayMs.to });
      const trials: (number | undefined)[] = [];
      for (let trial = 0; trial < setup.trials && !context.signal.aborted; trial += 1) {
        const crash = await crashLeader(cluster, queue, random.nextBetween(0, heartbeatMsOf(timeouts)), context.signal);
        if (crash === undefined) continue;
        try {
          trials.push(await untilElected(cluster, crash, setup.limitMs, context.signal));
        } finally {
          await faultsOf(cluster).kill(crash.leader);
          await cluster.restart(crash.leader);
        }
        if (!context.signal.aborted) await caughtUp(cluster, crash.leader);
      }
      return trials;
    },
    { nodes: setup.nodes },
  );
}

interface Crash {
  readonly leader: number;
  readonly term: number;
  readonly atMs: number;
}

const PAUSE_MS = 600_000;

/** @returns `undefined` when no leader kept its leadership for so long. */
async function crashLeader(cluster: Cluster, queue: Queue, afterMs: number, signal: AbortSignal): Promise<Crash | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX && !signal.aborted; attempt += 1) {
    const leader = await cluster.waitForLeader();
    const { term } = await cluster.status(leader);
    await queue.add('message', PAYLOAD);
    await systemClock.waitUntil(systemClock.nowMs() + afterMs, signal);
    const now = await cluster.status(leader);
    if (now.state !== 'leader' || now.term !== term) continue;
    const atMs = systemClock.nowMs();
    await faultsOf(cluster).pause(leader, PAUSE_MS);
    return { leader, term, atMs };
  }
  return undefined;
}

async function untilElected(cluster: Cluster, crash: Crash, limitMs: number, signal: AbortSignal): Promise<number | undefined> {
  const survivors = cluster.nodeIds().filter((node) => node !== crash.leader);
  for (;;) {
    const statuses = await Promise.all(survivors.map((node) => cluster.status(node)));
    const now = systemClock.nowMs();
    if (statuses.some(({ state, term }) => state === 'leader' && term > crash.term)) return now - crash.atMs;
    if (now > crash.atMs + limitMs || signal.aborted) return undefined;
    await systemClock.waitUntil(now + POLL_MS, signal);
  }
}
