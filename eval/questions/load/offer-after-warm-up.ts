import { type DeliveryTally, tallyDeliveries } from '../../load/delivery-tally.ts';
import { type LoadThreads, waitForDeliveries } from '../../load/load-threads.ts';
import type { Schedule } from '../../load/schedule.ts';
import { type Clock, systemClock } from '../../measuring/clock.ts';
import { dueBefore, type OfferFigures, summarizeOffer } from './offered-load.ts';

export interface OfferPlan {
  /** Begins again for the measured time. */
  readonly schedule: Schedule;
  /** What is due in it compiles the code of the threads, and is not counted. */
  readonly warmUpMs: number;
  readonly measuredMs: number;
  /** How long what was sent in the warm-up may take to be completed, before the measured time begins. */
  readonly backlogMsMax: number;
  /** How long the replies that are missing when the last message was due may take, and then the completions. */
  readonly overtimeMs: number;
  readonly payloadBytes: number;
  readonly payloadSeed: number;
  readonly concurrency: number;
}

export interface Offered {
  readonly figures: OfferFigures;
  /** Messages of the warm-up that were not completed when the measured time began: then its latency is not steady. */
  readonly backlog: number;
  /** Of the warm-up and of the measured time. */
  readonly tally: Omit<DeliveryTally, 'completed'>;
}

/**
 * Offers messages on a schedule: first a warm-up, in a queue of its own, then, when all of it is completed or the wait for that has ended,
 * those that are measured.
 * @throws {Error} when the times of the messages were not kept.
 */
export async function offerAfterWarmUp(
  threads: LoadThreads,
  plan: OfferPlan,
  signal: AbortSignal,
  clock: Clock = systemClock,
): Promise<Offered> {
  const part = (queue: string, lengthMs: number, waitMs: number) => offerPart(threads, plan, { queue, lengthMs, waitMs, signal, clock });
  const warmUp = await part('warm-up', plan.warmUpMs, plan.backlogMsMax);
  const measured = await part('messages', plan.measuredMs, plan.overtimeMs);
  const { startMs, times } = measured.sent;
  if (times.type !== 'samples') throw new Error('The times of the messages were not kept.');
  const { completedMs } = measured.consumed;
  const figures = summarizeOffer({ startMs, ...times, dueMs: measured.dueMs, completedMs }, { fromMs: 0, untilMs: plan.measuredMs });
  const sumOf = (column: 'lost' | 'duplicated' | 'foreign'): number => warmUp.tally[column] + measured.tally[column];
  return {
    figures,
    backlog: warmUp.tally.lost,
    tally: { lost: sumOf('lost'), duplicated: sumOf('duplicated'), foreign: sumOf('foreign') },
  };
}

interface Part {
  readonly queue: string;
  readonly lengthMs: number;
  /** How long the completions may take. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

async function offerPart({ sender, consumer }: LoadThreads, plan: OfferPlan, { queue, lengthMs, waitMs, signal, clock }: Part) {
  const { schedule, payloadBytes, payloadSeed, concurrency, overtimeMs } = plan;
  const dueMs = dueBefore(schedule, lengthMs);
  const messages = { queue, payloadBytes, payloadSeed, messages: dueMs.length };
  await consumer.begin({ ...messages, concurrency });
  const overtime = AbortSignal.timeout(lengthMs + overtimeMs);
  const sent = await sender.send(
    { ...messages, model: 'open-loop', schedule, samplesMax: dueMs.length },
    AbortSignal.any([signal, overtime]),
  );
  await waitForDeliveries({ consumer }, sent.acknowledged, { msMax: waitMs, signal, clock });
  const consumed = await consumer.end();
  return { dueMs, sent, consumed, tally: tallyDeliveries(sent, consumed) };
}
