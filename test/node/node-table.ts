import { ByteWriter } from '../../src/base/bytes.ts';
import { asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ClusterLimits } from '../../src/config/limits.ts';
import { PATTERN_TIMES } from '../../src/patterns/pattern-times.ts';
import type { ServerFrame } from '../../src/protocol/client-frame.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import { NO_CLIENT, RequestEncoder, SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import type { JobQueue } from '../../src/queue/job-queue.ts';
import { openJobQueue } from '../../src/queue/open-job-queue.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import type { PatternTimes } from '../../src/queue/requests/pattern-times.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import type { MemoryDisk } from '../../src/storage/memory-disk.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { writePeerPart } from '../../src/transport/peer-frame.ts';
import { options } from '../queue/harness.ts';
import { CONNECTION, type GroupMachine, NodeGroup } from './node-group.ts';

const queueWith = (patternTimes: PatternTimes): GroupMachine<JobQueue> => ({
  recordKinds: RECORD_KINDS,
  open: (versionMax, limits) => openJobQueue({ patternTimes, limits, versionMax }),
});

/** A group of nodes that run the job queue, and a client of it. */
export class NodeTable extends NodeGroup<JobQueue> {
  #sequence = 0;

  /**
   * @param versions the newest state-machine version of each node; a node's id is its position, counted from 1.
   * @param storageOf by default in memory, on the disk.
   */
  constructor(
    versions: readonly number[],
    limits?: Partial<ClusterLimits>,
    raft?: Partial<RaftConfig>,
    storageOf?: (disk: MemoryDisk, id: number) => NodeStorage,
    patternTimes = PATTERN_TIMES,
  ) {
    super(queueWith(patternTimes), versions, { limits, raft, storageOf });
  }

  /** Opens a session. @returns its id. */
  open(): number {
    const [result] = this.request(SESSION_ID_END + this.nowMs, (to) => to.command('openSession', {}), 1);
    if (!result?.ok || result.type !== 'opened') throw new Error(`the opening got ${JSON.stringify(result)}`);
    return result.client;
  }

  add(client: number, delayMs = 0): number {
    const [result] = this.request(client, (to) => to.add('q', new Uint8Array(4), options({ delayMs, attemptsMax: 1 })));
    if (!result?.ok || result.type !== 'added') throw new Error(`the add got ${JSON.stringify(result)}`);
    return result.id;
  }

  /** Sends a request to the leader and awaits its results. */
  request(client: number, build: (to: RequestEncoder) => void, sequence = this.nextSequence()): readonly OperationResult[] {
    const encoder = new RequestEncoder();
    encoder.begin(client, sequence, 1);
    build(encoder);
    return this.send(client, sequence, encoder.finish());
  }

  send(client: number, sequence: number, request: Uint8Array): readonly OperationResult[] {
    const before = this.replies.length;
    this.node(this.leader()).receiveClientPacket(CONNECTION, packetOf({ type: 'request', request }));
    const find = (): ServerFrame | undefined =>
      this.replies.slice(before).find((frame) => {
        if (frame.type === 'rejected') return frame.client === client && frame.sequence === sequence;
        return frame.type === 'reply' && decodeReply(frame.reply).sequence === sequence;
      });
    this.passUntil('a reply', () => find() !== undefined);
    const reply = find();
    if (reply?.type !== 'reply') throw new Error(`rejected: ${JSON.stringify(reply)}`);
    return decodeReply(reply.reply).results;
  }

  /** Sends a node an add, without waiting. @param to by default the leader. */
  submitAdd(client: number, bytes = 4, to = this.leader()): void {
    const encoder = new RequestEncoder();
    encoder.begin(client, this.nextSequence(), 1);
    encoder.add('q', new Uint8Array(bytes), options({ attemptsMax: 1 }));
    this.node(to).receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
  }

  /** A node sends a request of its own to the leader, outside of any session. */
  forward(from: number, build: (to: RequestEncoder) => void): void {
    const encoder = new RequestEncoder();
    encoder.begin(NO_CLIENT, 1, 1);
    build(encoder);
    const frame = new ByteWriter();
    writePeerPart(frame, { type: 'forward', connection: 0, request: encoder.finish() });
    this.node(this.leader()).receivePeerFrame(asNodeId(from), frame.copy());
  }

  nextSequence(): number {
    this.#sequence += 1;
    return 1 + this.#sequence;
  }
}
