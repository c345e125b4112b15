import { ByteWriter } from '../../src/base/bytes.ts';
import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { NodeLimits } from '../../src/node/limits.ts';
import { nodeLimits } from '../../src/node/limits.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import type { ServerFrame } from '../../src/protocol/client-frame.ts';
import { readServerFrames } from '../../src/protocol/client-frame.ts';
import { decodeReply, type OperationResult } from '../../src/protocol/reply.ts';
import { NO_CLIENT, RequestEncoder, SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import { RECORD_KINDS } from '../../src/queue/record.ts';
import { type RaftConfig, raftConfig } from '../../src/raft/config.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';
import { writePeerPart } from '../../src/transport/peer-frame.ts';
import { options } from '../queue/harness.ts';

const CONNECTION = 1;
const WALL_START_MS = 1_700_000_000_000;
const STEP_MS = 10;
/** Enough for an hour of one node, or a minute of several. */
const IDLE_TURNS_MAX = 60_000;

/** Production nodes without threads: the test controls when frames are delivered and time passes. */
export class NodeTable {
  nowMs = 0;
  /** The offset of each node's wall clock. */
  readonly wallStepMs = new Map<number, number>();
  /** Isolated nodes. */
  readonly isolated = new Set<number>();
  readonly replies: ServerFrame[] = [];
  /** How much time passes each time a node reads its clock. */
  readonly lookMs = new Map<number, number>();
  /** The sender, receiver and time of each frame. */
  readonly sent: { readonly from: number; readonly to: number; readonly atMs: number }[] = [];
  /** Additional nodes with the id of a running node, never isolated; and the errors that ended nodes. */
  readonly doubles = new Map<number, NodeRuntime>();
  readonly ends = new Map<number, unknown>();
  readonly #nodes = new Map<number, NodeRuntime>();
  readonly #disks = new Map<number, MemoryDisk>();
  readonly #limits: NodeLimits;
  readonly #raft: RaftConfig;
  readonly #storageOf: (disk: MemoryDisk, id: number) => NodeStorage;
  #frames: { readonly from: number; readonly to: number; readonly frame: Uint8Array; readonly isDouble: boolean }[] = [];
  readonly #members: readonly number[];
  #sequence = 0;
  #lives = 0;

  /**
   * @param versions the newest state-machine version of each node; a node's id is its position, counted from 1.
   * @param storageOf by default in memory, on the disk.
   */
  constructor(
    versions: readonly number[],
    limits: Partial<NodeLimits> = {},
    raft: Partial<RaftConfig> = {},
    storageOf: (disk: MemoryDisk, id: number) => NodeStorage = (disk) => openMemoryStorage({ recordKinds: RECORD_KINDS, disk }),
  ) {
    this.#storageOf = storageOf;
    this.#limits = nodeLimits(limits);
    this.#raft = raftConfig(raft);
    this.#members = versions.map((_, at) => at + 1);
    versions.forEach((version, at) => {
      this.#disks.set(at + 1, new MemoryDisk(at + 1));
      this.start(at + 1, version);
    });
  }

  get ids(): number[] {
    return [...this.#disks.keys()];
  }

  node(id: number): NodeRuntime {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} does not run`);
    return node;
  }

  /** Starts a node from its disk, as a release with state-machine versions up to this one; a running node crashes first. */
  start(id: number, version: number): void {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new Error(`there is no node ${id}`);
    if (this.#nodes.has(id)) disk.crash();
    const node = this.#runtime(id, version, this.#storageOf(disk, id), false);
    for (const [other, runtime] of this.#nodes) if (other !== id) runtime.peerLost(asNodeId(id));
    this.#nodes.set(id, node);
  }

  /** Starts a node with the same id from another storage. Frames to the node reach both. */
  startDouble(id: number, version: number, storage: NodeStorage): void {
    this.doubles.set(id, this.#runtime(id, version, storage, true));
  }

  #runtime(id: number, version: number, storage: NodeStorage, isDouble: boolean): NodeRuntime {
    this.#lives += 1;
    const members = this.#members.map(asNodeId);
    return new NodeRuntime({
      id: asNodeId(id),
      configuration: configurationOf({ voters: members, disks: members.map((node) => ({ node, disk: asDiskId(node) })) }),
      raft: this.#raft,
      limits: this.#limits,
      seed: id + 10 * this.#lives,
      machineVersionMax: version,
      storage,
      clock: {
        monotonicMs: () => {
          this.nowMs += this.lookMs.get(id) ?? 0;
          return this.nowMs;
        },
        wallMs: () => WALL_START_MS + this.nowMs + (this.wallStepMs.get(id) ?? 0),
      },
      outlet: {
        sendToPeer: (to, frame) => {
          this.#frames.push({ from: id, to, frame: frame.slice(), isDouble });
          this.sent.push({ from: id, to, atMs: this.nowMs });
        },
        sendToClient: (_connection, packet) => void this.replies.push(...readServerFrames(packet.slice())),
      },
      observe: () => undefined,
    });
  }

  /** Time passes in small steps; every node takes its turns, and frames arrive in the step after they were sent. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      this.nowMs += STEP_MS;
      for (let round = 0; round < 4; round += 1) {
        this.deliver();
        for (const node of this.#nodes.values()) node.turn();
        this.#turnDoubles();
      }
    }
  }

  /** Time passes as on an idle machine: a node takes a turn when a frame arrives, or at its deadline. */
  idle(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (let turns = 0; turns < IDLE_TURNS_MAX; turns += 1) {
      this.deliver();
      for (const node of this.#nodes.values()) node.turn();
      if (this.#frames.length > 0) continue;
      const wakeMs = Math.min(...[...this.#nodes.values()].map((node) => node.nextDeadlineMs));
      if (this.nowMs >= untilMs) return;
      this.nowMs = Math.min(untilMs, Math.max(this.nowMs, wakeMs));
    }
    throw new Error(`more than ${IDLE_TURNS_MAX} turns for nothing within ${ms} ms`);
  }

  passUntil(what: string, isReached: () => boolean): void {
    for (let waited = 0; !isReached(); waited += 50) {
      if (waited > 60_000) throw new Error(`not within a minute of simulated time: ${what}`);
      this.pass(50);
    }
  }

  /** The leader of the newest term that a majority can reach. */
  leader(): number {
    const find = (): number | undefined =>
      this.ids
        .filter((id) => !this.isolated.has(id) && this.node(id).view.role === 'leader')
        .sort((a, b) => this.node(b).view.term - this.node(a).view.term)[0];
    this.passUntil('a leader', () => find() !== undefined);
    return find() as number;
  }

  /** Requests a leadership transfer to this node. */
  transfer(to: number): void {
    this.node(this.leader()).receiveClientPacket(CONNECTION, packetOf({ type: 'transfer', call: 1, to }));
    this.pass(500);
  }

  /** Waits until all connected nodes have applied everything. */
  awaitEqual(): void {
    const connected = this.ids.filter((id) => !this.isolated.has(id));
    this.passUntil('equal replicas', () => {
      const leader = this.node(this.leader());
      return connected.every((id) => this.node(id).applied === leader.view.log.lastIndex);
    });
  }

  digests(): Set<string> {
    return new Set(this.ids.filter((id) => !this.isolated.has(id)).map((id) => this.node(id).digest().digest));
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

  /** Sends the leader an add, without waiting. */
  submitAdd(client: number, bytes = 4): void {
    const encoder = new RequestEncoder();
    encoder.begin(client, this.nextSequence(), 1);
    encoder.add('q', new Uint8Array(bytes), options({ attemptsMax: 1 }));
    this.node(this.leader()).receiveClientPacket(CONNECTION, packetOf({ type: 'request', request: encoder.finish() }));
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

  #turnDoubles(): void {
    for (const [id, double] of [...this.doubles]) {
      try {
        double.turn();
      } catch (error) {
        this.doubles.delete(id);
        this.ends.set(id, error);
      }
    }
  }

  /** Delivers the sent frames; no node takes a turn. */
  deliver(): void {
    const frames = this.#frames;
    this.#frames = [];
    for (const { from, to, frame, isDouble } of frames) {
      if (!isDouble && this.isolated.has(from)) continue;
      if (!this.isolated.has(to)) this.#nodes.get(to)?.receivePeerFrame(asNodeId(from), frame);
      this.doubles.get(to)?.receivePeerFrame(asNodeId(from), frame);
    }
  }
}
