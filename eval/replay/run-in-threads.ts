import type { LoadModel } from '../load/load-plan.ts';
import type { LoadThreads } from '../load/load-threads.ts';
import { DeliveryLedger } from './delivery-ledger.ts';
import { drain, type WorkloadContext, type WorkloadRun } from './run-workload.ts';
import { type ClosedLoopWorkload, intervalMs, type OpenLoopWorkload } from './workload.ts';

const PROGRESS_EVERY_MS = 100;

/** Messages are added and completed by threads of their own, until the queue is empty. */
export async function runInThreads(
  workload: OpenLoopWorkload | ClosedLoopWorkload,
  { sender, consumer }: LoadThreads,
  context: WorkloadContext,
): Promise<WorkloadRun> {
  const { clock, queue, seed, concurrency, signal, onSent } = context;
  const { messages, payloadBytes } = workload;
  const load = { queue, messages, payloadBytes, payloadSeed: seed };
  await consumer.begin({ ...load, concurrency });
  const progress = setInterval(() => onSent(sender.sent), PROGRESS_EVERY_MS);
  // The ledger is of single messages, however many there are.
  const sent = await sender.send({ ...load, ...modelOf(workload), samplesMax: messages }, signal).finally(() => clearInterval(progress));
  const drained = await drain({ isDelivered: () => consumer.delivered >= sent.acknowledged }, context);
  const consumed = await consumer.end();
  const ledger = DeliveryLedger.of(sent, consumed);
  const hasEnd = !signal.aborted && !Number.isNaN(ledger.lastCompletedMs);
  const endMs = Math.max(sent.startMs, hasEnd ? ledger.lastCompletedMs : clock.nowMs());
  return { ledger, startMs: sent.startMs, endMs, drained, consumerError: consumed.firstError };
}

function modelOf(workload: OpenLoopWorkload | ClosedLoopWorkload): LoadModel {
  if (workload.model === 'open-loop') return { model: 'open-loop', schedule: { type: 'fixed', everyMs: intervalMs(workload) } };
  const { inFlightMax, payloadBytes } = workload;
  return { model: 'closed-loop', inFlightMax, inFlightBytesMax: inFlightMax * payloadBytes };
}
