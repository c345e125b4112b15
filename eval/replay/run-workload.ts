import { measureSteadyState, type SteadyState } from '../load/steady-state.ts';
import type { Clock } from '../measuring/clock.ts';
import { PayloadCodec } from '../measuring/payload.ts';
import { messageOf } from '../measuring/user-error.ts';
import { DeliveryLedger, type Tally } from './delivery-ledger.ts';
import { type Produced, produce } from './producer.ts';
import { SteadyDelivery } from './steady-delivery.ts';
import type { Consumer, RunningSystem } from './system-under-test.ts';
import { type ClosedLoopWorkload, type PacedWorkload, type SteadyWorkload, settleMsOf } from './workload.ts';

export interface WorkloadContext {
  readonly system: RunningSystem;
  readonly clock: Clock;
  readonly queue: string;
  readonly seed: number;
  readonly concurrency: number;
  /** How long the drain may take, in milliseconds. */
  readonly drainMsMax: number;
  readonly signal: AbortSignal;
  /** Called with how many messages were sent so far. */
  readonly onSent: (sent: number) => void;
}

export interface WorkloadRun {
  readonly ledger: DeliveryLedger;
  readonly startMs: number;
  /** The last delivery, and the rest after it when the workload has one. */
  readonly endMs: number;
  /** Whether the queue was seen empty in the end. Without it `lost` proves nothing. */
  readonly drained: boolean;
  /** The first error of the consumer, if any. */
  readonly consumerError: string | undefined;
}

const BACKLOG_POLL_MS = 100;
/** After an interruption the drain is kept short: the user waits. */
const INTERRUPTED_DRAIN_MS = 5000;

/** A queue's consumer, and the first error that it reported. */
interface ConsumerOfRun {
  readonly consumer: Consumer;
  readonly error: () => string | undefined;
}

async function consume(
  { system, queue, concurrency }: WorkloadContext,
  payloads: PayloadCodec,
  onCompleted: (sequence: number | undefined) => void,
): Promise<ConsumerOfRun> {
  let firstError: string | undefined;
  const consumer = await system.consume(queue, {
    concurrency,
    onMessage: (payload) => {
      if (payloads.decode(payload) === undefined) throw new Error('The payload differs from the one that was sent.');
    },
    onCompleted: (payload) => onCompleted(payloads.decode(payload)),
    onError: (error) => {
      firstError ??= messageOf(error);
    },
  });
  return { consumer, error: () => firstError };
}

/** What a steady run found. */
export interface SteadyRun {
  readonly state: SteadyState;
  readonly tally: Tally;
  readonly drained: boolean;
  readonly consumerError: string | undefined;
}

/** Messages circulate until their rate is steady, then for the measured time; see {@link SteadyDelivery}. */
export async function runSteady(workload: SteadyWorkload, context: WorkloadContext): Promise<SteadyRun> {
  const { system, clock, queue, signal } = context;
  const payloads = new PayloadCodec(workload.payloadBytes, context.seed);
  const load = new SteadyDelivery(system, queue, payloads, workload.inFlightMax);
  const { consumer, error } = await consume(context, payloads, (sequence) => load.onCompleted(sequence));
  try {
    const state = await measureSteadyState(load, { clock, signal, sample: () => undefined });
    const drained = await drain(load, context);
    return { state, tally: load.tally(), drained, consumerError: error() };
  } finally {
    await consumer.close();
  }
}

/** A producer adds messages and a consumer completes them, until the queue is empty; both are in this thread. */
export async function runWorkload(workload: PacedWorkload | ClosedLoopWorkload, context: WorkloadContext): Promise<WorkloadRun> {
  const { clock } = context;
  const ledger = new DeliveryLedger(workload.messages);
  const payloads = new PayloadCodec(workload.payloadBytes, context.seed);
  const { consumer, error } = await consume(context, payloads, (sequence) => ledger.onCompleted(sequence, clock.nowMs()));
  try {
    const produced = await produce(workload, { ...context, ledger, payloads });
    const drained = await drain(ledger, context);
    const deliveredMs = Number.isNaN(ledger.lastCompletedMs) ? clock.nowMs() : ledger.lastCompletedMs;
    const endMs = context.signal.aborted ? clock.nowMs() : await settle(workload, deliveredMs, produced, clock, context.signal);
    return { ledger, startMs: produced.startMs, endMs, drained, consumerError: error() };
  } finally {
    await consumer.close();
  }
}

/** The published replay rests after its last pause; the others end with the last delivery. */
async function settle(
  workload: PacedWorkload | ClosedLoopWorkload,
  deliveredMs: number,
  produced: Produced,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  if (workload.model !== 'paced') return Math.max(deliveredMs, produced.startMs);
  await clock.waitUntil(Math.max(deliveredMs, produced.endMs) + settleMsOf(workload), signal);
  return clock.nowMs();
}

/** Waits until every acknowledged message was completed and the queue is empty; also ends when the queue is empty without them. */
export async function drain(ledger: { isDelivered(): boolean }, context: WorkloadContext): Promise<boolean> {
  const { system, clock, queue, signal } = context;
  const limitMs = signal.aborted ? INTERRUPTED_DRAIN_MS : context.drainMsMax;
  const deadlineMs = clock.nowMs() + limitMs;
  let emptyBefore = false;
  for (;;) {
    const { unfinished } = await system.backlog(queue);
    if (unfinished === 0 && (ledger.isDelivered() || emptyBefore)) return true;
    emptyBefore = unfinished === 0;
    if (clock.nowMs() >= deadlineMs) return false;
    // Not with the run's signal: an interrupted run is drained too, or its losses could not be distinguished from its interruption.
    await clock.waitUntil(Math.min(deadlineMs, clock.nowMs() + BACKLOG_POLL_MS));
  }
}
