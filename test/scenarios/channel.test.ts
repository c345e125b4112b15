import type { ClientChannel, Cluster, ClusterEndpoint } from 'jobraft';
import { Queue, startCluster } from 'jobraft';
import { afterEach, describe, expect, it } from 'vitest';
import { ByteWriter } from '../../src/base/bytes.ts';
import { readServerFrames, writeClientFrame } from '../../src/protocol/client-frame.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import { RequestEncoder, SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import { eventually } from './support.ts';

const HOUR_MS = 3_600_000;
const clusters: Cluster[] = [];

afterEach(async () => {
  for (const cluster of clusters.splice(0)) await cluster.close();
});

const REPLY_MS_MAX = 60_000;

/** A client with its own channel and its own bytes. */
class RawClient {
  readonly #channel: ClientChannel;
  #client: number;
  #sequence = 0;
  #onResult: (result: OperationResult) => void = () => undefined;

  constructor(endpoint: ClusterEndpoint, node: number) {
    this.#client = SESSION_ID_END + node;
    const onPacket = (packet: Uint8Array): void => {
      for (const frame of readServerFrames(packet)) {
        const [result] = frame.type === 'reply' ? decodeReply(frame.reply).results : [];
        if (result !== undefined) this.#onResult(result);
      }
    };
    const channel = endpoint.openChannel(node, { onPacket, onLost: () => undefined });
    if (channel === undefined) throw new Error(`node ${node} does not run`);
    this.#channel = channel;
  }

  async openSession(): Promise<void> {
    const result = await this.ask((to) => to.command('openSession', {}));
    if (!result.ok || result.type !== 'opened') throw new Error('no session was opened');
    this.#client = result.client;
  }

  send(write: (to: RequestEncoder) => void): void {
    this.#sequence += 1;
    const encoder = new RequestEncoder();
    encoder.begin(this.#client, this.#sequence, this.#sequence);
    write(encoder);
    const packet = new ByteWriter();
    writeClientFrame(packet, { type: 'request', request: encoder.finish() });
    this.#channel.send(packet.copy());
  }

  ask(write: (to: RequestEncoder) => void): Promise<OperationResult> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no reply')), REPLY_MS_MAX);
      this.#onResult = (result) => {
        clearTimeout(timer);
        resolve(result);
      };
      this.send(write);
    });
  }

  close(): void {
    this.#channel.close();
  }
}

describe('a client that closes its channel right after a claim', () => {
  it.each(['the leader', 'a follower'])('at %s leaves no job active', async (where) => {
    const cluster = await startCluster({ nodes: 3, storage: 'memory' });
    clusters.push(cluster);
    const queue = new Queue('q', { connection: cluster });
    await queue.addBulk(Array.from({ length: 20 }, (_, n) => ({ name: 'x', data: n })));
    const leader = await cluster.waitForLeader();
    const node = where === 'the leader' ? leader : (cluster.nodeIds().find((id) => id !== leader) ?? 0);
    const observer = new RawClient(cluster, leader);
    await observer.openSession();
    let token = 0;
    for (let round = 0; round < 5; round += 1) {
      const client = new RawClient(cluster, node);
      await client.openSession();
      const claim = { countMax: 20, beginMax: 20, leaseMs: HOUR_MS, waitMs: 0, stalledMax: 1, holder: 0 };
      client.send((to) => to.claim('q', claim));
      client.close();
      token = await eventually('the jobs are claimed, and released', async () => {
        const shown = await observer.ask((to) => to.command('getJob', { jobId: 1 }));
        if (!shown.ok || shown.type !== 'job' || shown.job.state !== 'waiting') return false;
        return shown.job.token > token && shown.job.token;
      });
      expect(await queue.getJobCounts()).toMatchObject({ active: 0, waiting: 20 });
    }
    await queue.close();
  });
});
