import type { Queue } from '../../src/index.ts';
import { systemClock } from '../clock.ts';
import { MessageBook, type MessageSample } from '../message-book.ts';
import { PayloadCodec } from '../payload.ts';
import { produce } from '../producer.ts';
import type { Workload } from '../workload.ts';
import { ADDS_IN_FLIGHT } from './add-rates.ts';
import { addInFlightFor, SMALL_BYTES } from './bench-cluster.ts';
import type { BenchContext } from './bench-measure.ts';

const WARM_UP_PART_MS = 1000;

/**
 * Warms a fresh cluster up by adds in flight for about two seconds. Until their code is compiled its threads are several times slower,
 * and checkpoints take longest of all the first times: within this time each node writes several.
 * @returns the cluster's capacity in adds a second: as this session measured it, or else as the second half of the warm-up shows it.
 */
export async function warmUp(queue: Queue, { medianOf, signal }: BenchContext): Promise<number> {
  const options = { bytes: SMALL_BYTES, inFlightMax: 2000, signal };
  await addInFlightFor(queue, WARM_UP_PART_MS, options);
  const own = await addInFlightFor(queue, WARM_UP_PART_MS, options);
  return medianOf(ADDS_IN_FLIGHT) ?? own;
}

/** Offers adds of 64 B at a fixed rate for a while, whatever becomes of them. @returns those that were acknowledged, on the system clock. */
export async function addOnSchedule(
  queue: Queue,
  { ratePerSecond, durationMs }: { readonly ratePerSecond: number; readonly durationMs: number },
  { seed, signal }: BenchContext,
): Promise<readonly MessageSample[]> {
  const messages = Math.ceil((ratePerSecond * durationMs) / 1000);
  const workload: Workload = { model: 'open-loop', ratePerSecond, messages, payloadBytes: SMALL_BYTES };
  const book = new MessageBook(messages);
  await produce(workload, {
    system: { add: async (_queue, payload) => void (await queue.add('message', payload)), addOutcome: () => 'unknown' },
    clock: systemClock,
    book,
    payloads: new PayloadCodec(SMALL_BYTES, seed),
    queue: queue.name,
    signal,
    onSent: () => undefined,
  });
  return [...book.samples()].filter(({ outcome }) => outcome === 'acknowledged');
}
