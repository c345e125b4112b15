import { describe, expect, it } from 'vitest';
import { asIndex, asNodeId } from '../../src/base/ids.ts';
import { LIMIT_DEFAULTS } from '../../src/config/limits.ts';
import { NodeMetrics } from '../../src/node/node-metrics.ts';
import { ClientOutbox, PeerOutbox } from '../../src/node/outbox.ts';
import { QueryHandler } from '../../src/node/query-handler.ts';
import { PATTERN_TIMES } from '../../src/patterns/pattern-times.ts';
import { readServerFrames } from '../../src/protocol/client-frame.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { openJobQueue } from '../../src/queue/open-job-queue.ts';
import { readPeerParts } from '../../src/transport/peer-frame.ts';

const FOLLOWER = asNodeId(2);
const LEADER = asNodeId(1);
const CONNECTION = 7;
const UNDER_LEADER = { isLeader: false, leader: LEADER, version: 1 };

/** The queries of a follower, and its messages to the leader and to its clients. */
class Follower {
  readonly #peers = new PeerOutbox();
  readonly #clients = new ClientOutbox();
  readonly #encoder = new RequestEncoder();
  readonly #handler: QueryHandler;

  constructor(life: number) {
    const limits = { replyBytesMax: 65_536, turnBytesMax: 65_536, parkedClaimsMax: 10 };
    const read = () => {
      throw new Error('a follower asked its core');
    };
    this.#handler = new QueryHandler({
      ...openJobQueue({ patternTimes: PATTERN_TIMES, limits: LIMIT_DEFAULTS })({
        readRecord: () => undefined,
        onAvailable: () => undefined,
        onReadable: () => undefined,
      }),
      limits,
      peers: this.#peers,
      clients: this.#clients,
      metrics: new NodeMetrics(),
      life,
      read,
    });
  }

  /** @returns the batch number of the request to the leader. */
  query(sequence: number): number {
    this.#encoder.begin(1, sequence, sequence);
    this.#encoder.command('getJob', { jobId: 1 });
    this.#handler.onQuery(CONNECTION, this.#encoder.finish(), 'linearizable', UNDER_LEADER);
    this.#handler.requestReadIndexes(UNDER_LEADER, 0);
    const frames: Uint8Array[] = [];
    this.#peers.flush({ sendToPeer: (_to, frame) => frames.push(frame), sendToClient: () => undefined });
    const questions = frames
      .flatMap((frame) => readPeerParts(frame, FOLLOWER, LEADER))
      .filter((part) => part.type === 'read-index-request');
    const [question] = questions;
    if (question === undefined || questions.length > 1) throw new Error(`${questions.length} questions`);
    return question.batch;
  }

  /** The leader returns the index. @returns the sequences of the queries that are served once `applied` is applied. */
  reply(batch: number, index: number, applied: number): number[] {
    this.#handler.onReadIndex(batch, asIndex(index));
    this.#handler.onTurn(0);
    this.#handler.serve(asIndex(applied));
    const packets: Uint8Array[] = [];
    this.#clients.flush({ sendToPeer: () => undefined, sendToClient: (_to, packet) => packets.push(packet) });
    const frames = packets.flatMap((packet) => readServerFrames(packet));
    return frames.flatMap((frame) => (frame.type === 'reply' ? [decodeReply(frame.reply).sequence] : []));
  }
}

describe.each([0, 2 ** 31 - 2, 153_878_365_093, Number.MAX_SAFE_INTEGER])('a follower whose life has the number %i', (life) => {
  it('matches a late reply to its own request, and to no later one', () => {
    const follower = new Follower(life);
    const first = follower.query(1);
    const second = follower.query(2);
    // The second query arrived after an entry that the reply to the first does not cover.
    expect(follower.reply(first, 4, 4)).toEqual([1]);
    expect(follower.reply(second, 5, 4)).toEqual([]);
    expect(follower.reply(first, 4, 5)).toEqual([2]);
  });
});
