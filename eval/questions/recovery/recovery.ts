import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type Cluster, type ClusterOptions, MembershipTimeoutError, startCluster } from '../../../src/index.ts';
import { catchesUp, caughtUp } from '../../measuring/catch-up.ts';
import { systemClock } from '../../measuring/clock.ts';
import { round } from '../../measuring/latency-summary.ts';
import { count, optionalNumber } from '../cells.ts';
import type { Question, QuestionStep, StepContext } from '../question.ts';
import { ENTRIES, type History, SINGLE_ENTRIES, writeHistory } from './history.ts';

const CHECKPOINTS = ['on', 'off'] as const;
const EVENTS = ['restart', 'join'] as const;
type Checkpoints = (typeof CHECKPOINTS)[number];
type RecoveryEvent = (typeof EVENTS)[number];

const row = z.object({
  /** Of the history before the event: adds and removals of jobs of 64 B, of which 1,000 are left. */
  commands: count,
  entry: z.enum(ENTRIES),
  checkpoints: z.enum(CHECKPOINTS),
  /** `restart`: a follower that was stopped is started again; `join`: a node with an empty folder becomes a voter. */
  event: z.enum(EVENTS),
  /** From the call until the node has applied what the leader has committed; null if it took longer than {@link RECOVERY_MS_MAX}. */
  took_ms: optionalNumber,
  /** Of the node's folder, while it is stopped: before a restart, after a join. */
  disk_bytes: optionalNumber,
  /** Index of the last entry that the history left. */
  log_entries: count,
  /** Checkpoints that the leader wrote in the history. */
  checkpoints_written: count,
});
export type RecoveryRow = z.infer<typeof row>;

/** Additions of nodes have the same limit in the product. */
const RECOVERY_MS_MAX = 60_000;
/** Each event is measured so many times. */
const REPETITIONS = 2;

/** As high as the configuration allows: no history below reaches them. */
const NO_CHECKPOINTS: ClusterOptions['limits'] = {
  checkpointEntries: 100_000_000,
  checkpointBytes: 64 * 1024 ** 3,
  checkpointRecords: 100_000_000,
};

const HISTORIES: readonly (History & { readonly expectedMs: number })[] = [
  { commands: 1e3, entry: 'batched', expectedMs: 4000 },
  { commands: 1e4, entry: 'batched', expectedMs: 4000 },
  { commands: 1e5, entry: 'batched', expectedMs: 5000 },
  { commands: 1e6, entry: 'batched', expectedMs: 12_000 },
  { commands: 1e7, entry: 'batched', expectedMs: 100_000 },
  { commands: 1e6, entry: 'single', expectedMs: 90_000 },
];

/** Histories of different lengths that leave the same state, with checkpoints and without: only the length matters, and what is kept of it. */
export const recovery: Question<RecoveryRow> = {
  id: 'recovery',
  asks: 'How fast is recovery?',
  row,
  rounds: 1,
  steps: HISTORIES.flatMap((history) => CHECKPOINTS.map((checkpoints) => recoveryStep(history, checkpoints, history.expectedMs))),
};

/** A step of one history. */
export function recoveryStep(history: History, checkpoints: Checkpoints, expectedMs: number): QuestionStep<RecoveryRow> {
  return {
    name: `${history.commands} ${history.entry} checkpoints ${checkpoints}`,
    expectedMs,
    measure: async (context) => {
      const { logs: _logs, ...config } = context.config;
      const limits = {
        ...config.limits,
        ...(checkpoints === 'off' ? NO_CHECKPOINTS : {}),
        ...(history.entry === 'single' ? SINGLE_ENTRIES : {}),
      };
      const cluster = await startCluster({ ...config, limits, dataDir: context.dataDir, seed: context.seed });
      // An addition takes up to a minute, and no signal ends it.
      const onAbort = (): void => void cluster.close();
      context.signal.addEventListener('abort', onAbort, { once: true });
      try {
        await writeHistory(cluster, history, context.signal);
        return await rowsOf(cluster, history, checkpoints, context);
      } catch (error) {
        if (context.signal.aborted) return [];
        throw error;
      } finally {
        context.signal.removeEventListener('abort', onAbort);
        await cluster.close();
      }
    },
  };
}

async function rowsOf(
  cluster: Cluster,
  { commands, entry }: History,
  checkpoints: Checkpoints,
  context: StepContext,
): Promise<RecoveryRow[]> {
  const leader = await cluster.waitForLeader();
  const log_entries = (await cluster.status(leader)).lastIndex;
  const counters = await cluster.metrics();
  const checkpoints_written = counters.find(({ node }) => node === leader)?.checkpoints ?? 0;
  if (checkpoints === 'off' && checkpoints_written > 0) throw new Error('Checkpoints were written in a history without any.');
  const rows: RecoveryRow[] = [];
  for (const event of EVENTS) {
    for (let repetition = 0; repetition < REPETITIONS && !context.signal.aborted; repetition += 1) {
      const { tookMs, diskBytes } = await MEASURES[event](cluster, leader, context);
      rows.push({ commands, entry, checkpoints, event, took_ms: tookMs, disk_bytes: diskBytes, log_entries, checkpoints_written });
      // The node still recovers, and the next event would wait for it.
      if (tookMs === null) return rows;
    }
  }
  return rows;
}

interface Recovered {
  readonly tookMs: number | null;
  readonly diskBytes: number | null;
}

const MEASURES: Readonly<Record<RecoveryEvent, (cluster: Cluster, leader: number, context: StepContext) => Promise<Recovered>>> = {
  async restart(cluster, leader, { dataDir, signal }) {
    const follower = cluster.nodeIds().find((node) => node !== leader) ?? leader;
    await caughtUp(cluster, follower);
    await cluster.stop(follower);
    const diskBytes = folderBytes(join(dataDir, `node-${follower}`));
    const startMs = systemClock.nowMs();
    await cluster.restart(follower);
    const isDone = await catchesUp(cluster, follower, RECOVERY_MS_MAX, signal);
    return { tookMs: isDone ? round(systemClock.nowMs() - startMs) : null, diskBytes };
  },

  async join(cluster, _leader, { dataDir, signal }) {
    const node = unusedId(dataDir);
    const startMs = systemClock.nowMs();
    try {
      await cluster.addNode(node);
    } catch (error) {
      if (error instanceof MembershipTimeoutError) return { tookMs: null, diskBytes: null };
      throw error;
    }
    const isDone = await catchesUp(cluster, node, RECOVERY_MS_MAX, signal);
    const tookMs = isDone ? round(systemClock.nowMs() - startMs) : null;
    await cluster.removeNode(node);
    return { tookMs, diskBytes: folderBytes(join(dataDir, `node-${node}`)) };
  },
};

/** Greater than those of all nodes that ever were: their folders stay. */
function unusedId(dataDir: string): number {
  const taken = readdirSync(dataDir).flatMap((name) => /^node-(\d+)$/.exec(name)?.[1] ?? []);
  return Math.max(...taken.map(Number)) + 1;
}

const folderBytes = (folder: string): number => readdirSync(folder).reduce((total, file) => total + statSync(join(folder, file)).size, 0);
