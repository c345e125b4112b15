import { type ClusterEndpoint, Queue } from '../../../src/index.ts';
import { SMALL_BYTES } from '../../bench/bench-cluster.ts';
import { type DeliveryTally, tallyDeliveries } from '../../load/delivery-tally.ts';
import { LoadConsumer } from '../../load/load-consumer.ts';
import type { LoadPlan, SendResult } from '../../load/load-plan.ts';
import { LoadSender } from '../../load/load-sender.ts';
import { caughtUp } from '../../measuring/catch-up.ts';
import { systemClock } from '../../measuring/clock.ts';
import type { Question, QuestionStep, StepContext } from '../question.ts';
import { type FailingCluster, REPAIRED_AFTER_MS, withFailingCluster } from './failing-cluster.ts';
import { FAULTS_OF, type FailoverRow, failoverRow, failoverRows, type LeaderFault, NODES_AS, type NodesAs } from './failover-row.ts';

/** Well below the capacity: what waits during the outage is worked off soon after it. */
const EVERY_MS = 0.5;
const BEFORE_MS = 1000;
const AFTER_MS = 6000;
const LOAD: LoadPlan = {
  model: 'open-loop',
  schedule: { type: 'fixed', everyMs: EVERY_MS },
  queue: 'failover',
  messages: (BEFORE_MS + AFTER_MS) / EVERY_MS,
  payloadBytes: SMALL_BYTES,
  payloadSeed: 1,
};
/** Until their code is compiled, threads are several times slower. */
const WARM_UP: LoadPlan = {
  ...LOAD,
  model: 'closed-loop',
  queue: 'warm-up',
  messages: 40_000,
  inFlightMax: 500,
  inFlightBytesMax: Number.POSITIVE_INFINITY,
};
const CONSUMER_CONCURRENCY = 500;
const POLL_MS = 5;
const WAIT_MS_MAX = 60_000;
/** Cluster, warm-up, load, and the drain of the queue. */
const EXPECTED_MS = BEFORE_MS + AFTER_MS + 3000;
/** Processes to start and to end. */
const PROCESSES_MS = 2000;

/**
 * The leader of a cluster fails under a constant open-loop load from a thread of its own. Afterwards the queue is drained: every
 * acknowledged message must be delivered.
 */
export const failover: Question<FailoverRow> = {
  id: 'failover',
  asks: 'What does a client see of a failover?',
  row: failoverRow,
  rounds: 3,
  steps: NODES_AS.flatMap((nodesAs) => FAULTS_OF[nodesAs].map((fault) => faultStep(fault, nodesAs))),
};

function faultStep(fault: LeaderFault, nodesAs: NodesAs): QuestionStep<FailoverRow> {
  return {
    name: nodesAs === 'threads' ? `leader ${fault}` : `leader ${fault}, ${nodesAs}`,
    expectedMs: EXPECTED_MS + (nodesAs === 'threads' ? 0 : PROCESSES_MS),
    measure: (context) =>
      withFailingCluster(nodesAs, fault, context, async (failing) => {
        const { cluster } = failing;
        await using sender = await LoadSender.open(cluster);
        await sender.send(WARM_UP, context.signal);
        const leader = await cluster.waitForLeader();
        const { term } = await cluster.status(leader);
        const [sent, times] = await Promise.all([
          sender.send(LOAD, AbortSignal.any([context.signal, AbortSignal.timeout(WAIT_MS_MAX)])),
          causeFailover(failing, leader, fault, sender, context),
        ]);
        if (context.signal.aborted) return [];
        if (sent.sent < LOAD.messages) throw new Error(`${sent.sent} of ${LOAD.messages} adds were sent in ${WAIT_MS_MAX} ms.`);
        await caughtUp(cluster, leader);
        const last = await cluster.status(await cluster.waitForLeader());
        const tally = await drained(cluster, sent, context);
        return failoverRows({ fault, nodesAs, ...times, elections: last.term - term, sent, tally });
      }),
  };
}

interface FailoverTimes {
  readonly faultMs: number;
  readonly leaderMs: number | undefined;
  readonly repairedMs: number;
}

async function causeFailover(
  { begin, repair, isReplaced }: FailingCluster,
  leader: number,
  fault: LeaderFault,
  sender: Pick<LoadSender, 'sent'>,
  { signal }: Pick<StepContext, 'signal'>,
): Promise<FailoverTimes> {
  await until(() => sender.sent >= BEFORE_MS / EVERY_MS, signal, 'The load did not begin.');
  const faultMs = systemClock.nowMs();
  await begin(fault, leader);
  let leaderMs: number | undefined;
  if (isReplaced !== undefined) {
    await until(() => isReplaced(leader), signal, 'No other node leads.');
    leaderMs = systemClock.nowMs();
  }
  await systemClock.waitUntil(faultMs + REPAIRED_AFTER_MS, signal);
  const repairedMs = systemClock.nowMs();
  await repair(fault, leader);
  return { faultMs, leaderMs, repairedMs };
}

async function drained(cluster: ClusterEndpoint, sent: SendResult, { signal }: StepContext): Promise<DeliveryTally> {
  await using consumer = await LoadConsumer.open(cluster);
  await using queue = new Queue(LOAD.queue, { connection: cluster });
  const { queue: name, messages, payloadBytes, payloadSeed } = LOAD;
  await consumer.begin({ queue: name, messages, payloadBytes, payloadSeed, concurrency: CONSUMER_CONCURRENCY });
  const isEmpty = async (): Promise<boolean> => {
    const { waiting, active, delayed } = await queue.getJobCounts();
    return waiting + active + delayed === 0;
  };
  await until(isEmpty, signal, 'The queue was not drained.');
  return tallyDeliveries(sent, await consumer.end());
}

/** @throws with `complaint` when it does not hold in time. */
async function until(holds: () => boolean | Promise<boolean>, signal: AbortSignal, complaint: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + WAIT_MS_MAX;
  while (!signal.aborted && !(await holds())) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`${complaint} (${WAIT_MS_MAX} ms)`);
    await systemClock.waitUntil(systemClock.nowMs() + POLL_MS, signal);
  }
}
