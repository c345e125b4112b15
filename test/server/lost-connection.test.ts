import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until } from '../../eval/soak/until.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { Worker } from '../../src/client/worker/worker.ts';
import { connect } from '../../src/remote/connect.ts';
import { Nodes } from './nodes.ts';

const PATIENT_MS = 60_000;

/** The connections that servers of this process accept from now on. */
function acceptedSockets(): Socket[] {
  const sockets: Socket[] = [];
  const onSocket = (message: unknown): void => void sockets.push((message as { readonly socket: Socket }).socket);
  subscribe('net.server.socket', onSocket);
  onTestFinished(() => void unsubscribe('net.server.socket', onSocket));
  return sockets;
}

describe('a worker whose connection to a node is lost', () => {
  it('keeps its job, and completes it by another connection', async () => {
    const sockets = acceptedSockets();
    const nodes = await Nodes.start(1);
    await using cluster = await connect({ endpoints: nodes.endpoints, timeoutMs: PATIENT_MS });
    await using queue = new Queue('mails', { connection: cluster });
    const attempts: number[] = [];
    const done = Promise.withResolvers<void>();
    const worker = new Worker(
      'mails',
      async ({ attemptsMade }) => {
        attempts.push(attemptsMade);
        await done.promise;
      },
      { connection: cluster },
    );
    const { id } = await queue.add('welcome', 1, { removeOnComplete: false });
    await until('the job is begun', PATIENT_MS, async () => attempts.length > 0);
    for (const socket of sockets) socket.destroy();
    // By another connection. The node has noticed the end of the first one by then.
    for (let read = 0; read < 3; read += 1) expect(await queue.getJobCounts()).toMatchObject({ active: 1, waiting: 0 });
    done.resolve();
    await until('it is completed', PATIENT_MS, async () => (await queue.getJob(id))?.state === 'completed');
    expect(attempts).toEqual([0]);
    await worker.close();
  });
});
