import type { BridgedCluster } from './cluster-bridge.ts';
import { LoadConsumer } from './load-consumer.ts';
import { LoadSender } from './load-sender.ts';

/** A sender and a consumer, each in a thread of its own, so that neither delays the other. */
export interface LoadThreads extends AsyncDisposable {
  readonly sender: Pick<LoadSender, 'send' | 'sent'>;
  readonly consumer: Pick<LoadConsumer, 'begin' | 'end' | 'delivered'>;
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
