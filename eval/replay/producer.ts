import type { Clock } from '../measuring/clock.ts';
import type { PayloadCodec } from '../measuring/payload.ts';
import type { DeliveryLedger } from './delivery-ledger.ts';
import type { RunningSystem } from './system-under-test.ts';
import { intervalMs, type ListedWorkload } from './workload.ts';

export interface ProducerContext {
  readonly system: Pick<RunningSystem, 'add' | 'addOutcome'>;
  readonly clock: Clock;
  readonly ledger: DeliveryLedger;
  readonly payloads: PayloadCodec;
  readonly queue: string;
  readonly signal: AbortSignal;
  /** Called after each message sent. */
  readonly onSent: () => void;
}

/** When the first message was due, and when the producer was done, its last pause included; on the run's clock. */
export interface Produced {
  readonly startMs: number;
  readonly endMs: number;
}

/** Offers a workload's messages and resolves when each is acknowledged or rejected. After an abort nothing more is sent. */
export async function produce(workload: ListedWorkload, context: ProducerContext): Promise<Produced> {
  const startMs = context.clock.nowMs();
  switch (workload.model) {
    case 'paced':
      await produceWithPauses(workload.messages, workload.delayMs, context);
      break;
    case 'open-loop':
      await produceOnSchedule(workload.messages, startMs, intervalMs(workload), context);
      break;
    case 'closed-loop':
      await produceInFlight(workload.messages, workload.inFlightMax, context);
  }
  return { startMs, endMs: context.clock.nowMs() };
}

/** Each message is sent, its reply awaited, and a pause made. */
async function produceWithPauses(messages: number, pauseMs: number, context: ProducerContext): Promise<void> {
  for (let sequence = 0; sequence < messages && !context.signal.aborted; sequence += 1) {
    await send(sequence, context.clock.nowMs(), context);
    await context.clock.waitUntil(context.clock.nowMs() + pauseMs, context.signal);
  }
}

/** Open loop: message i is due at start + i · everyMs, and is sent then or as soon afterwards as possible, without waiting for replies. */
async function produceOnSchedule(messages: number, startMs: number, everyMs: number, context: ProducerContext): Promise<void> {
  const replies: Promise<void>[] = [];
  for (let sequence = 0; sequence < messages; sequence += 1) {
    const dueMs = startMs + sequence * everyMs;
    if (context.clock.nowMs() < dueMs) await context.clock.waitUntil(dueMs, context.signal);
    if (context.signal.aborted) break;
    replies.push(send(sequence, dueMs, context));
  }
  await Promise.all(replies);
}

/** Closed loop: always `inFlightMax` messages in flight. */
async function produceInFlight(messages: number, inFlightMax: number, context: ProducerContext): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < messages && !context.signal.aborted) {
      const sequence = next;
      next += 1;
      await send(sequence, context.clock.nowMs(), context);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, messages) }, lane));
}

async function send(sequence: number, intendedMs: number, context: ProducerContext): Promise<void> {
  const { system, ledger, clock } = context;
  const payload = context.payloads.encode(sequence);
  ledger.onSent(sequence, intendedMs, clock.nowMs());
  const reply = system.add(context.queue, payload);
  context.onSent();
  try {
    await reply;
    ledger.onAcknowledged(sequence, clock.nowMs());
  } catch (error) {
    ledger.onRejected(sequence, system.addOutcome(error));
  }
}
