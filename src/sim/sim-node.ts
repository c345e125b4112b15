import { lifeOf } from '../base/generation.ts';
import type { EntryId, NodeId } from '../base/ids.ts';
import { asDiskId, asNodeId } from '../base/ids.ts';
import type { Schedule } from '../base/schedule.ts';
import { type ClusterLimits, clusterLimits } from '../config/limits.ts';
import type { NodeEvent } from '../node/event.ts';
import { NodeRuntime } from '../node/node-runtime.ts';
import { TurnSchedule } from '../node/turn-schedule.ts';
import { raftConfig } from '../raft/config.ts';
import { configurationOf, type Entry } from '../raft/entry.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import { openMemoryStorage } from '../storage/memory-storage.ts';
import type { PersistBatch } from '../storage/port.ts';
import type { Coverage } from './coverage.ts';
import { OVERWRITTEN_MEMORY } from './overwritten-memory.ts';
import type { Plan } from './plan.ts';
import type { SimMachine } from './sim-machine.ts';
import { DurableState, WatchedStorage } from './watched-storage.ts';

/** The wall-clock time at simulated time 0. */
const EPOCH_MS = 1_700_000_000_000;

/** A disk that was copied while its node ran. */
export interface DiskCopy {
  readonly id: number;
  readonly disk: MemoryDisk;
  readonly durable: DurableState;
}

/** What surrounds the nodes, and observes them. */
export interface SimNodeHost {
  readonly coverage: Coverage;
  readonly machine: SimMachine;
  /** The newest state-machine version that the node's code has. */
  versionMaxOf(node: number): number;
  /** The entry `id` is about to be deleted from a disk. @param isPart whether more of the log is deleted in later turns. */
  onTruncating(id: EntryId, isPart: boolean): void;
  /** The node's disk has these entries from now on, behind `before`. */
  onAppended(node: SimNode, entries: readonly Entry[], before: EntryId): void;
  onPersist(node: SimNode, batch: PersistBatch): void;
  onPeerFrame(node: SimNode, to: number, frame: Uint8Array): void;
  onServerPacket(node: SimNode, connection: number, packet: Uint8Array): void;
  onEvent(node: SimNode, event: NodeEvent): void;
  /** @param isWoken whether anything but its own deadline woke it. @returns whether the node ended in this turn. */
  runTurn(node: SimNode, runtime: NodeRuntime, isWoken: boolean): boolean;
  afterTurn(node: SimNode, runtime: NodeRuntime): void;
}

/** One node of the simulated cluster: a disk, a clock and, while it runs, the production node on top of them. */
export class SimNode {
  readonly id: number;
  disk: MemoryDisk;
  /** The contents of each of its disks, the current one last, by the disk's id. */
  readonly everDurable = new Map<number, DurableState>();
  runtime: NodeRuntime | undefined;
  /** How many disks and lives it has had. */
  disks = 1;
  lives = 0;
  wallOffsetMs = 0;
  hasPlannedFailure = false;
  downAfterFailureMs = 0;
  /** The contents of the copy from which its disk was restored. The id is that of the copied disk, which was written to later. */
  #restored: DurableState | undefined;
  readonly #host: SimNodeHost;
  readonly #schedule: Schedule;
  readonly #plan: Plan;
  readonly #rate: number;
  readonly #startedMs: number;
  /** How long the current turn has been stuck in a write. */
  #stuckMs = 0;
  readonly #turns: TurnSchedule;
  /** Whether anything but its own deadline woke it since its latest turn began. */
  #isWoken = false;

  constructor(host: SimNodeHost, schedule: Schedule, plan: Plan, id: number, rate: number, startedMs: number) {
    this.#host = host;
    this.#schedule = schedule;
    this.#plan = plan;
    this.id = id;
    this.#rate = rate;
    this.#startedMs = startedMs;
    this.disk = new MemoryDisk(diskIdOf(id, 1));
    this.everDurable.set(this.diskId, new DurableState());
    this.#turns = new TurnSchedule(schedule, () => this.#turn());
  }

  /** The id of its current disk. */
  get diskId(): number {
    return diskIdOf(this.id, this.disks);
  }

  get nodeId(): NodeId {
    return asNodeId(this.id);
  }

  /** When messages of this turn are sent, in true time. */
  get sendMs(): number {
    return this.#schedule.nowMs + this.#stuckMs;
  }

  /** The contents of its current disk. */
  get durable(): DurableState {
    const durable = this.#restored ?? this.everDurable.get(this.diskId);
    if (durable === undefined) throw new Error(`node ${this.id} has no disk`);
    return durable;
  }

  get isUp(): boolean {
    return this.runtime !== undefined;
  }

  /** Its wall-clock time. */
  get wallMs(): number {
    return EPOCH_MS + this.#localMs() - this.#startedMs + this.wallOffsetMs;
  }

  /** Starts the node from its disk. @throws the storage's error when it is damaged. */
  start(): void {
    this.lives += 1;
    this.#turns.stop();
    const { nodes, raft, seed, isVersionAsked } = this.#plan;
    const { machine } = this.#host;
    const limits = clusterLimits(this.#limits());
    const founders = Array.from({ length: nodes }, (_, at) => asNodeId(at + 1));
    const inner = openMemoryStorage({
      recordKinds: machine.recordKinds,
      disk: this.disk,
      onStall: (ms) => this.#onStall(ms),
      life: lifeOf(this.lives * LIVES_STEP + this.id),
      truncatedEntriesMax: TRUNCATED_ENTRIES_MAX,
    });
    try {
      this.runtime = new NodeRuntime({
        id: this.nodeId,
        configuration: configurationOf({
          voters: founders,
          disks: founders.map((node) => ({ node, disk: asDiskId(diskIdOf(node, 1)) })),
        }),
        raft: raftConfig(raft),
        limits,
        machine: machine.open(this.#plan, limits, this.#host.versionMaxOf(this.id)),
        isOneRelease: !isVersionAsked,
        seed: seed * 1_000 + this.id * 31 + this.lives,
        storage: new WatchedStorage(inner, this.durable, this.id, {
          onTruncating: (id, isPart) => this.#host.onTruncating(id, isPart),
          onAppended: (entries, before) => this.#host.onAppended(this, entries, before),
          onPersist: (batch) => this.#host.onPersist(this, batch),
        }),
        clock: { monotonicMs: () => this.#localMs(), wallMs: () => this.wallMs },
        outlet: {
          sendToPeer: (to, frame) => this.#host.onPeerFrame(this, to, frame),
          sendToClient: (connection, frame) => this.#host.onServerPacket(this, connection, frame),
        },
        observe: (event) => this.#host.onEvent(this, event),
        memory: OVERWRITTEN_MEMORY,
      });
    } catch (error) {
      inner[Symbol.dispose]();
      throw error;
    }
    this.wake(this.#schedule.nowMs);
  }

  /** The limits of this life. */
  #limits(): Partial<ClusterLimits> {
    const { limits, laterLimits } = this.#plan;
    if (this.lives === 1 || laterLimits.length === 0) return limits;
    this.#host.coverage.add('node restarted with other limits');
    return { ...limits, ...laterLimits[(this.id + this.lives) % laterLimits.length] };
  }

  /** The next write fails. @param downMs how long the node is then down. */
  failNextWrite(code: 'STORAGE_FULL' | 'STORAGE_FAILED', survives: boolean, downMs: number): void {
    this.disk.failNextWrite(code, survives);
    this.hasPlannedFailure = true;
    this.downAfterFailureMs = downMs;
  }

  /** The node crashes; its disk stays. */
  crash(): void {
    this.runtime = undefined;
    this.hasPlannedFailure = false;
    this.#stuckMs = 0;
    this.disk.crash();
    this.#turns.stop();
  }

  /** Replaces the disk by an empty one; the old one is lost. */
  loseDisk(): void {
    this.disks += 1;
    this.#restored = undefined;
    this.disk = new MemoryDisk(diskIdOf(this.id, this.disks));
    this.everDurable.set(this.diskId, new DurableState());
  }

  /** Copies the disk, to restore it later. */
  copyDisk(): DiskCopy {
    return { id: this.diskId, disk: this.disk.copy(), durable: this.durable.copy() };
  }

  /** Restores the disk from the copy; the node must not run. */
  restoreDisk({ disk, durable }: DiskCopy): void {
    this.disk = disk;
    this.#restored = durable;
  }

  pause(durationMs: number): void {
    this.#turns.busyUntil(this.#schedule.nowMs + durationMs);
    this.wake(this.#schedule.nowMs);
  }

  /** Everything was suspended for this time, also this node. */
  onSuspended(durationMs: number): void {
    this.#turns.onSuspended(durationMs);
  }

  /** Input arrived, or a deadline moved: a turn is due at `atMs`, or when the thread is free. */
  wake(atMs: number): void {
    if (!this.isUp) return;
    this.#isWoken = true;
    this.#turns.wake(atMs);
  }

  #turn(): void {
    const { runtime } = this;
    if (runtime === undefined) return;
    this.#stuckMs = 0;
    const isWoken = this.#isWoken;
    this.#isWoken = false;
    const ended = this.#host.runTurn(this, runtime, isWoken);
    if (ended) return;
    this.#turns.busyUntil(this.#schedule.nowMs + this.#stuckMs + TURN_MS);
    this.#stuckMs = 0;
    this.#host.afterTurn(this, runtime);
    this.#turns.wake(this.#trueMs(runtime.nextDeadlineMs));
  }

  #onStall(durationMs: number): void {
    this.#stuckMs += durationMs;
    this.#host.coverage.add('disk stalled');
  }

  #localMs(): number {
    const { nowMs, suspendedMs } = this.#schedule;
    return this.#startedMs + (nowMs - suspendedMs + this.#stuckMs) * this.#rate + suspendedMs;
  }

  #trueMs(localMs: number): number {
    const { suspendedMs } = this.#schedule;
    return (localMs - this.#startedMs - suspendedMs) / this.#rate + suspendedMs;
  }
}

/** Lives of all nodes have distinct numbers. */
const LIVES_STEP = 64;

/** Maximum number of entries that one turn deletes from the end of a log. */
const TRUNCATED_ENTRIES_MAX = 2;

/** Time of a turn; it bounds the number of turns, as a processor would. */
const TURN_MS = 0.05;

/** Unique for every disk of every node. */
export const diskIdOf = (node: number, disk: number): number => node * 1_000 + disk;
