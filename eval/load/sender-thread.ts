import { parentPort, workerData } from 'node:worker_threads';
import { Client, JobraftError, Queue } from '../../src/index.ts';
import { PayloadCodec } from '../measuring/payload.ts';
import { AlarmClock } from './alarm-clock.ts';
import type { SenderRequest, SenderResult } from './load-sender.ts';
import type { ThreadReply } from './load-thread.ts';
import { sendMessages } from './send-messages.ts';
import { SendRecord } from './send-record.ts';
import { type BridgeData, ThreadEndpoint } from './thread-endpoint.ts';
import { measureUsage } from './thread-usage.ts';

// The only cast: this thread is started in one place, with this data.
const client = new Client(new ThreadEndpoint(workerData as BridgeData));
const clock = await AlarmClock.open();
await client.connect();

const post = (reply: ThreadReply<SenderResult>): void => parentPort?.postMessage(reply);

let abort = new AbortController();

async function execute(request: SenderRequest): Promise<void> {
  switch (request.type) {
    case 'send':
      abort = new AbortController();
      return post({ type: 'result', result: await send(request) });
    case 'abort':
      return abort.abort();
    case 'close':
      await client.close();
      return post({ type: 'result', result: null });
  }
}

async function send({ plan, shared }: Extract<SenderRequest, { readonly type: 'send' }>): Promise<SenderResult> {
  const queue = new Queue<Uint8Array>(plan.queue, { connection: client });
  const payloads = new PayloadCodec(plan.payloadBytes, plan.payloadSeed);
  const record = new SendRecord(plan, shared);
  const usage = measureUsage();
  await sendMessages(plan, {
    add: (payload) => queue.add('message', payload),
    // After an unexpected error the call may have taken effect.
    mayBeAdded: (error) => !(error instanceof JobraftError) || error.outcome === 'unknown',
    clock,
    payloads,
    record,
    signal: abort.signal,
  });
  return { ...record.result(), ...usage() };
}

parentPort?.on('message', (request: SenderRequest) => void execute(request));
post({ type: 'ready' });
