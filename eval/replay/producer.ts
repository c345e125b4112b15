import type { Clock } from '../measuring/clock.ts';
import type { PayloadCodec } from '../measuring/payload.ts';
import type { DeliveryLedger } from './delivery-ledger.ts';
import type { RunningSystem } from './system-under-test.ts';
import type { ClosedLoopWorkload, PacedWorkload } from './workload.ts';

export interface ProducerContext {
  readonly system: Pick<RunningSystem, 'add' | 'addOutcome'>;
  readonly clock: Clock;
  readonly ledger: DeliveryLedger;
  readonly payloads: PayloadCodec;
  readonly queue: string;
  readonly signal: AbortSignal;
  /** Called with how many messages were sent so far. */
  readonly onSent: (sent: number) => void;
}

/** When the first message was due, and when the producer was done, its last pause included; on the run's clock. */
export interface Produced {
  readonly startMs: number;
  readonly endMs: number;
}

/** Offers a workload's messages and resolves when each is acknowledged or rejected. After an abort nothing more is sent. */
export async function produce(workload: PacedWorkload | ClosedLoopWorkload, context: ProducerContext): Promise<Produced> {
  const startMs = context.clock.nowMs();
  switch (workload.model) {
    case 'paced':
      await produceWithPauses(workload.messages, workload.delayMs, context);
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
  context.onSent(sequence + 1);
  try {
    await reply;
    ledger.onAcknowledged(sequence, clock.nowMs());
  } catch (error) {
    ledger.onRejected(sequence, system.addOutcome(error));
  }
}
