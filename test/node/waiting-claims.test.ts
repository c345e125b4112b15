import { describe, expect, it } from 'vitest';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ClusterLimits } from '../../src/config/limits.ts';
import { clusterLimits } from '../../src/config/limits.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import { PATTERN_TIMES } from '../../src/patterns/pattern-times.ts';
import type { ClientFrame, ServerFrame } from '../../src/protocol/client-frame.ts';
import { readServerFrames } from '../../src/protocol/client-frame.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { ADD_DEFAULTS, RequestEncoder } from '../../src/protocol/request-encoder.ts';
import type { JobQueue } from '../../src/queue/job-queue.ts';
import { openJobQueue } from '../../src/queue/open-job-queue.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { raftConfig } from '../../src/raft/config.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';

const WAIT_MS = 5_000;
const POLICY = { ...ADD_DEFAULTS, keepCompleted: -1, keepFailed: -1 };

/** Three nodes on a clock that the test controls, and clients with a channel to each of them. */
class Nodes {
  nowMs = 0;
  readonly #runtimes: readonly NodeRuntime<JobQueue>[];
  readonly #replies: { readonly node: number; readonly connection: number; readonly frame: ServerFrame }[] = [];
  #frames: { readonly from: number; readonly to: number; readonly frame: Uint8Array }[] = [];
  #openings = 0;

  constructor(limits: Partial<ClusterLimits> = {}) {
    const ids = [1, 2, 3];
    const disks = ids.map((id) => ({ node: asNodeId(id), disk: asDiskId(id) }));
    this.#runtimes = ids.map(
      (id) =>
        new NodeRuntime({
          id: asNodeId(id),
          configuration: configurationOf({ voters: ids.map(asNodeId), disks }),
          raft: raftConfig({}),
          limits: clusterLimits(limits),
          machine: openJobQueue({ patternTimes: PATTERN_TIMES, limits: clusterLimits(limits) }),
          seed: id,
          storage: openMemoryStorage({ recordKinds: RECORD_KINDS, disk: new MemoryDisk(id) }),
          clock: { monotonicMs: () => this.nowMs, wallMs: () => 1_700_000_000_000 + this.nowMs },
          outlet: {
            sendToPeer: (to, frame) => this.#frames.push({ from: id, to, frame: frame.slice() }),
            sendToClient: (connection, packet) => {
              for (const frame of readServerFrames(packet)) this.#replies.push({ node: id, connection, frame });
            },
          },
          observe: () => undefined,
        }),
    );
    for (let step = 0; step < 1_000 && this.leader === 0; step += 1) this.pass(10);
    // The nodes also exchange their state-machine versions.
    this.pass(1_000);
  }

  get leader(): number {
    return this.#runtimes.findIndex(({ view }) => view.role === 'leader') + 1;
  }

  get follower(): number {
    return this.leader === 1 ? 2 : 1;
  }

  /** Entries in the leader's log. */
  get logged(): number {
    return this.node(this.leader).view.log.lastIndex;
  }

  node(id: number): NodeRuntime<JobQueue> {
    return this.#runtimes[id - 1] as NodeRuntime<JobQueue>;
  }

  /** Time passes, and every node does what is due. */
  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let step = 0; step < 10_000; step += 1) {
      this.settle();
      const nextMs = Math.min(...this.#runtimes.map(({ nextDeadlineMs }) => nextDeadlineMs));
      if (nextMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, nextMs);
      for (const node of this.#runtimes) if (node.nextDeadlineMs <= this.nowMs) node.turn();
    }
    this.nowMs = untilMs;
  }

  settle(): void {
    for (let round = 0; round < 100; round += 1) {
      for (const node of this.#runtimes) node.turn();
      const frames = this.#frames;
      this.#frames = [];
      if (frames.length === 0) return;
      for (const { from, to, frame } of frames) this.node(to).receivePeerFrame(asNodeId(from), frame);
    }
  }

  send(node: number, connection: number, frame: ClientFrame): void {
    this.node(node).receiveClientPacket(connection, packetOf(frame));
  }

  request(node: number, connection: number, client: number, sequence: number, write: (encoder: RequestEncoder) => void): void {
    const encoder = new RequestEncoder();
    encoder.begin(client, sequence, 1);
    write(encoder);
    this.send(node, connection, { type: 'request', request: encoder.finish() });
  }

  /** @returns the id of the new session. */
  openSession(node: number, connection: number): number {
    this.#openings += 1;
    const number = 2 ** 51 + this.#openings;
    this.request(node, connection, number, 1, (encoder) => encoder.command('openSession', {}));
    this.settle();
    const [result] = this.resultsOf(number, 1);
    if (result?.ok !== true || result.type !== 'opened') throw new Error('the session was not opened');
    return result.client;
  }

  waitingClaim(node: number, connection: number, client: number, sequence: number): void {
    this.request(node, connection, client, sequence, (encoder) =>
      encoder.claim('work', { countMax: 2, beginMax: 2, leaseMs: 60_000, waitMs: WAIT_MS, stalledMax: 1, holder: 0 }),
    );
    this.settle();
  }

  add(client: number, sequence: number): void {
    this.request(this.leader, 99, client, sequence, (encoder) => encoder.add('work', new Uint8Array(8), POLICY));
    this.settle();
  }

  resultsOf(client: number, sequence: number) {
    for (const { frame } of this.#replies) {
      if (frame.type !== 'reply') continue;
      const reply = decodeReply(frame.reply);
      if (reply.client === client && reply.sequence === sequence) return reply.results;
    }
    return [];
  }

  /** The numbers of the requests that were answered on a channel. */
  answeredOn(node: number, connection: number): number[] {
    return this.#replies.flatMap(({ frame, ...origin }) =>
      frame.type === 'reply' && origin.node === node && origin.connection === connection ? [decodeReply(frame.reply).sequence] : [],
    );
  }

  rejections(client: number) {
    return this.#replies.flatMap(({ frame }) => (frame.type === 'rejected' && frame.client === client ? [frame] : []));
  }

  counts() {
    return this.node(this.leader).machine.counts('work');
  }
}

describe('a claim that waits at the leader', () => {
  it.each(['leader', 'follower'] as const)('is answered through the log once its client, at a %s, cancels it', (where) => {
    const nodes = new Nodes();
    const node = nodes[where];
    const client = nodes.openSession(node, 1);
    nodes.waitingClaim(node, 1, client, 1);
    const before = nodes.logged;
    expect(nodes.resultsOf(client, 1)).toEqual([]);
    nodes.send(node, 1, { type: 'cancel-claim', client, sequence: 1 });
    nodes.settle();
    expect(nodes.resultsOf(client, 1)).toEqual([{ ok: true, type: 'claimed', jobs: [] }]);
    expect(nodes.logged).toBe(before + 1);
    // It is finished: neither a second cancellation nor its time limit has an effect.
    nodes.send(node, 1, { type: 'cancel-claim', client, sequence: 1 });
    nodes.pass(2 * WAIT_MS);
    expect(nodes.logged).toBe(before + 1);
  });

  it.each(['leader', 'follower'] as const)('takes no job once the channel of its client, at a %s, has ended', (where) => {
    const nodes = new Nodes();
    const node = nodes[where];
    const adder = nodes.openSession(nodes.leader, 99);
    const client = nodes.openSession(node, 1);
    nodes.waitingClaim(node, 1, client, 1);
    nodes.node(node).clientGone(1);
    nodes.settle();
    nodes.add(adder, 1);
    expect(nodes.counts()).toMatchObject({ waiting: 1, active: 0 });
  });

  it('keeps its place while the channel of another client ends', () => {
    const nodes = new Nodes();
    const adder = nodes.openSession(nodes.leader, 99);
    const client = nodes.openSession(nodes.leader, 1);
    nodes.waitingClaim(nodes.leader, 1, client, 1);
    nodes.node(nodes.leader).clientGone(2);
    // The follower's connection of the same number is another one.
    const other = nodes.openSession(nodes.follower, 1);
    nodes.waitingClaim(nodes.follower, 1, other, 1);
    nodes.node(nodes.follower).clientGone(1);
    nodes.settle();
    nodes.add(adder, 1);
    expect(nodes.resultsOf(client, 1)).toMatchObject([{ type: 'claimed', jobs: [{ id: 1 }] }]);
  });

  it('takes no job once the follower that forwarded it is gone', () => {
    const nodes = new Nodes();
    const adder = nodes.openSession(nodes.leader, 99);
    const client = nodes.openSession(nodes.follower, 1);
    nodes.waitingClaim(nodes.follower, 1, client, 1);
    nodes.node(nodes.leader).peerLost(asNodeId(nodes.follower));
    nodes.settle();
    nodes.add(adder, 1);
    expect(nodes.counts()).toMatchObject({ waiting: 1, active: 0 });
  });
});

describe('a waiting claim that was executed before', () => {
  it('has its first reply at once, since its leases go on', () => {
    const nodes = new Nodes();
    const adder = nodes.openSession(nodes.leader, 99);
    const client = nodes.openSession(nodes.leader, 1);
    nodes.add(adder, 1);
    nodes.waitingClaim(nodes.leader, 1, client, 1);
    for (const node of [nodes.leader, nodes.follower]) {
      nodes.waitingClaim(node, 2, client, 1);
      expect(nodes.answeredOn(node, 2)).toEqual([1]);
    }
    expect(nodes.counts()).toMatchObject({ waiting: 0, active: 1 });
  });

  it('has its reply once the leader, where it waits already, applies the first copy', () => {
    const nodes = new Nodes();
    const client = nodes.openSession(nodes.leader, 1);
    nodes.waitingClaim(nodes.leader, 2, client, 1);
    expect(nodes.answeredOn(nodes.leader, 2)).toEqual([]);
    nodes.request(nodes.follower, 3, client, 1, (encoder) =>
      encoder.claim('work', { countMax: 2, beginMax: 2, leaseMs: 60_000, waitMs: 0, stalledMax: 1, holder: 0 }),
    );
    nodes.settle();
    expect([nodes.answeredOn(nodes.follower, 3), nodes.answeredOn(nodes.leader, 2)]).toEqual([[1], [1]]);
    const before = nodes.logged;
    nodes.pass(2 * WAIT_MS);
    expect(nodes.logged).toBe(before);
  });
});

describe('a claim beyond the limit of waiting claims', () => {
  it('is rejected with a retry delay, and costs no entry in the log', () => {
    const nodes = new Nodes({ parkedClaimsMax: 1 });
    const adder = nodes.openSession(nodes.leader, 99);
    const first = nodes.openSession(nodes.leader, 1);
    const second = nodes.openSession(nodes.follower, 2);
    nodes.waitingClaim(nodes.leader, 1, first, 1);
    const before = nodes.logged;
    for (let times = 0; times < 10; times += 1) nodes.waitingClaim(nodes.follower, 2, second, 1);
    expect(nodes.rejections(second)).toHaveLength(10);
    expect(nodes.rejections(second)[0]).toMatchObject({ code: 'RETRY_LATER', outcome: 'not-applied', retryAfterMs: 1_000 });
    expect(nodes.logged).toBe(before);
    // A parked claim may be repeated, and a claim that finds jobs need not wait.
    nodes.waitingClaim(nodes.leader, 1, first, 1);
    expect(nodes.rejections(first)).toEqual([]);
    for (let sequence = 1; sequence <= 3; sequence += 1) nodes.add(adder, sequence);
    nodes.waitingClaim(nodes.follower, 2, second, 1);
    expect(nodes.resultsOf(first, 1)).toMatchObject([{ type: 'claimed', jobs: [{ id: 1 }] }]);
    expect(nodes.resultsOf(second, 1)).toMatchObject([{ type: 'claimed', jobs: [{ id: 2 }, { id: 3 }] }]);
  });
});
