import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, ClusterEndpoint } from 'jobraft';
import { Client, Queue } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { readClientFrames, readServerFrames } from '../../src/protocol/client-frame.ts';
import type { OperationResult } from '../../src/protocol/reply.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { aCluster, converged, eventually, leaderAmong, others, settledLeader } from './support.ts';

/** A cluster endpoint that records every packet with requests that a client sent through it. */
function tapped(cluster: Cluster): { readonly endpoint: ClusterEndpoint; readonly sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  const endpoint: ClusterEndpoint = {
    nodeIds: () => cluster.nodeIds(),
    openChannel: (node, handlers) => {
      const channel = cluster.openChannel(node, handlers);
      if (channel === undefined) return undefined;
      return {
        send: (packet) => {
          if (readClientFrames(packet).some(({ type }) => type === 'request')) sent.push(packet.slice());
          channel.send(packet);
        },
        close: () => channel.close(),
      };
    },
  };
  return { endpoint, sent };
}

/** Sends the same bytes again and waits for the reply of the state machine. */
async function replyTo(cluster: Cluster, node: number, packet: Uint8Array): Promise<readonly OperationResult[]> {
  return eventually('the repetition has a reply', async () => {
    const { promise, resolve } = Promise.withResolvers<readonly OperationResult[] | undefined>();
    const channel = cluster.openChannel(node, {
      onPacket: (bytes) => {
        // A rejection, as during an election, is followed by another attempt.
        for (const frame of readServerFrames(bytes)) resolve(frame.type === 'reply' ? decodeReply(frame.reply).results : undefined);
      },
      onLost: () => resolve(undefined),
    });
    if (channel === undefined) return undefined;
    channel.send(packet.slice());
    try {
      return await promise;
    } finally {
      channel.close();
    }
  });
}

/** Adds one job through a client of its own. @returns its id, and the packet that added it. */
async function anAdd(cluster: Cluster): Promise<{ readonly id: number; readonly packet: Uint8Array }> {
  const { endpoint, sent } = tapped(cluster);
  await using client = new Client(endpoint);
  const { id } = await new Queue('work', { connection: client }).add('once', {});
  const packet = sent.at(-1);
  if (packet === undefined) throw new Error('nothing was sent');
  return { id: Number(id), packet };
}

describe('a request that is repeated', () => {
  it('gets its first reply after a failover, and adds nothing', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    const first = await settledLeader(cluster);
    const { id, packet } = await anAdd(cluster);
    const { term } = await cluster.status(first);
    await faultsOf(cluster).kill(first);
    const next = await leaderAmong(cluster, others(cluster, first), term);
    expect(await replyTo(cluster, next.node, packet)).toEqual([{ ok: true, type: 'added', id }]);
    expect((await queue.getJobCounts()).waiting).toBe(1);
  });

  it('gets it after compaction, a restart, and from a node that has everything by snapshot', async () => {
    await using scene = await aCluster({ limits: { checkpointEntries: 10, tailEntries: 1 } });
    const { cluster, queue, dataDir } = scene;
    await settledLeader(cluster);
    const { id, packet } = await anAdd(cluster);
    for (let added = 0; added < 60; added += 1) await queue.add('filler', {});
    const leader = await settledLeader(cluster);
    expect((await cluster.status(leader)).firstIndex).toBeGreaterThan(10);
    const [rebuilt = 0] = others(cluster, leader);
    await faultsOf(cluster).kill(rebuilt);
    rmSync(join(dataDir, `node-${rebuilt}`), { recursive: true });
    await cluster.restart(rebuilt);
    await eventually('the rebuilt node votes again', async () => (await cluster.members()).isSettled);
    await converged(cluster);
    // Its new disk may not vote yet: nothing is settled before the leader has received its report.
    await eventually('the rebuilt node takes leadership', async () => {
      await cluster.transferLeadership(rebuilt);
      return true;
    });
    await leaderAmong(cluster, [rebuilt]);
    expect(await replyTo(cluster, rebuilt, packet)).toEqual([{ ok: true, type: 'added', id }]);
    expect((await queue.getJobCounts()).waiting).toBe(61);
  });
});
