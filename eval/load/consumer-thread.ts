import { parentPort, workerData } from 'node:worker_threads';
import { Client, Worker } from '../../src/index.ts';
import { systemClock } from '../measuring/clock.ts';
import { PayloadCodec } from '../measuring/payload.ts';
import { messageOf } from '../measuring/user-error.ts';
import { ConsumeRecord } from './consume-record.ts';
import type { ConsumerRequest, ConsumerResult } from './load-consumer.ts';
import type { ThreadReply } from './load-thread.ts';
import { type BridgeData, ThreadEndpoint } from './thread-endpoint.ts';
import { measureUsage } from './thread-usage.ts';

// The only cast: this thread is started in one place, with this data.
const client = new Client(new ThreadEndpoint(workerData as BridgeData));
await client.connect();

const post = (result: ConsumerResult): void => parentPort?.postMessage({ type: 'result', result } satisfies ThreadReply<ConsumerResult>);

let end: (() => Promise<ConsumerResult>) | undefined;

async function execute(request: ConsumerRequest): Promise<void> {
  switch (request.type) {
    case 'begin':
      end = consume(request);
      return post(null);
    case 'end':
      return post((await end?.()) ?? null);
    case 'close':
      await client.close();
      return post(null);
  }
}

function consume({ plan, shared }: Extract<ConsumerRequest, { readonly type: 'begin' }>): () => Promise<ConsumerResult> {
  const record = new ConsumeRecord(shared, new PayloadCodec(plan.payloadBytes, plan.payloadSeed));
  const usage = measureUsage();
  const worker = new Worker<Uint8Array, null>(plan.queue, async () => null, { connection: client, concurrency: plan.concurrency });
  worker.on('completed', (job) => record.onCompleted(job.data, systemClock.nowMs()));
  worker.on('failed', (_job, error) => record.onError(messageOf(error)));
  worker.on('error', (error) => record.onError(messageOf(error)));
  return async () => {
    await worker.close();
    return { ...record.result(), ...usage() };
  };
}

parentPort?.on('message', (request: ConsumerRequest) => void execute(request));
parentPort?.postMessage({ type: 'ready' } satisfies ThreadReply<ConsumerResult>);
