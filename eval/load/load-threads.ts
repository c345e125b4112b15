import { type Clock, systemClock } from '../measuring/clock.ts';
import type { BridgedCluster } from './cluster-bridge.ts';
import { LoadConsumer } from './load-consumer.ts';
import { LoadSender } from './load-sender.ts';

/** A sender and a consumer, each in a thread of its own, so that neither delays the other. */
export interface LoadThreads extends AsyncDisposable {
  readonly sender: Pick<LoadSender, 'send' | 'sent'>;
  readonly consumer: Pick<LoadConsumer, 'begin' | 'end' | 'delivered' | 'counts'>;
}

/** Resolves when both clients are connected. @throws the error of a client. */
export async function openLoadThreads(cluster: BridgedCluster): Promise<LoadThreads> {
  const sender = await LoadSender.open(cluster);
  try {
    const consumer = await LoadConsumer.open(cluster);
    return { sender, consumer, [Symbol.asyncDispose]: () => closeBoth(sender, consumer) };
  } catch (error) {
    await sender[Symbol.asyncDispose]();
    throw error;
  }
}

async function closeBoth(sender: AsyncDisposable, consumer: AsyncDisposable): Promise<void> {
  try {
    await sender[Symbol.asyncDispose]();
  } finally {
    await consumer[Symbol.asyncDispose]();
  }
}

export interface DeliveryWait {
  readonly msMax: number;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
}

const POLL_MS = 10;

/** Waits until so many messages were completed. @returns false when that takes longer, or was aborted. */
export async function waitForDeliveries(
  { consumer }: Pick<LoadThreads, 'consumer'>,
  count: number,
  { msMax, signal, clock = systemClock }: DeliveryWait,
): Promise<boolean> {
  const deadlineMs = clock.nowMs() + msMax;
  while (consumer.delivered < count) {
    if (signal.aborted || clock.nowMs() >= deadlineMs) return false;
    await clock.waitUntil(clock.nowMs() + POLL_MS, signal);
  }
  return true;
}
