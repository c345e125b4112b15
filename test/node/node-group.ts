import { asDiskId, asNodeId } from '../../src/base/ids.ts';
import { packetOf } from '../../src/client/delivery/connection.ts';
import type { ClusterLimits } from '../../src/config/limits.ts';
import { clusterLimits } from '../../src/config/limits.ts';
import type { NodeEvent } from '../../src/node/event.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import type { OpenMachine, StateMachine } from '../../src/node/state-machine.ts';
import type { ServerFrame } from '../../src/protocol/client-frame.ts';
import { readServerFrames } from '../../src/protocol/client-frame.ts';
import { type RaftConfig, raftConfig } from '../../src/raft/config.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import { MemoryDisk } from '../../src/storage/memory-disk.ts';
import { openMemoryStorage } from '../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../src/storage/port.ts';

/** The channel of the test's requests. */
export const CONNECTION = 1;
const WALL_START_MS = 1_700_000_000_000;
const STEP_MS = 10;
/** Enough for an hour of one node, or a minute of several. */
const IDLE_TURNS_MAX = 60_000;

/** How a group of nodes opens its state machines. */
export interface GroupMachine<Machine extends StateMachine> {
  readonly recordKinds: readonly string[];
  /** The machine of a node whose release has versions up to this one. */
  open(versionMax: number, limits: ClusterLimits): OpenMachine<Machine>;
}

export interface GroupOptions {
  readonly limits?: Partial<ClusterLimits> | undefined;
  readonly raft?: Partial<RaftConfig> | undefined;
  /** By default in memory, on the disk. */
  readonly storageOf?: ((disk: MemoryDisk, id: number) => NodeStorage) | undefined;
}

/** Production nodes without threads: the test controls when frames are delivered and time passes. */
export class NodeGroup<Machine extends StateMachine> {
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
  readonly doubles = new Map<number, NodeRuntime<Machine>>();
  readonly ends = new Map<number, unknown>();
  /** All but sent messages. */
  readonly events: NodeEvent[] = [];
  readonly #nodes = new Map<number, NodeRuntime<Machine>>();
  readonly #disks = new Map<number, MemoryDisk>();
  readonly #machine: GroupMachine<Machine>;
  readonly #limits: ClusterLimits;
  readonly #raft: RaftConfig;
  readonly #storageOf: (disk: MemoryDisk, id: number) => NodeStorage;
  #frames: { readonly from: number; readonly to: number; readonly frame: Uint8Array; readonly isDouble: boolean }[] = [];
  readonly #members: readonly number[];
  #lives = 0;

  /** @param versions the newest state-machine version of each node; a node's id is its position, counted from 1. */
  constructor(machine: GroupMachine<Machine>, versions: readonly number[], options: GroupOptions = {}) {
    const { limits, raft, storageOf = (disk) => openMemoryStorage({ recordKinds: machine.recordKinds, disk }) } = options;
    this.#machine = machine;
    this.#storageOf = storageOf;
    this.#limits = clusterLimits(limits);
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

  node(id: number): NodeRuntime<Machine> {
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

  #runtime(id: number, version: number, storage: NodeStorage, isDouble: boolean): NodeRuntime<Machine> {
    this.#lives += 1;
    const members = this.#members.map(asNodeId);
    return new NodeRuntime({
      id: asNodeId(id),
      configuration: configurationOf({ voters: members, disks: members.map((node) => ({ node, disk: asDiskId(node) })) }),
      raft: this.#raft,
      limits: this.#limits,
      seed: id + 10 * this.#lives,
      machine: this.#machine.open(version, this.#limits),
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
      observe: (event) => void (event.type === 'rpc-sent' || this.events.push(event)),
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
