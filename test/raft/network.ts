import type { NodeId } from '../../src/base/ids.ts';
import { asDiskId, asIndex, asNodeId, asTerm, ZERO_ENTRY } from '../../src/base/ids.ts';
import { SeededRandom } from '../../src/base/random.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import type { Effects, RaftEvent } from '../../src/raft/effects.ts';
import type { Configuration, EntryId, HardState } from '../../src/raft/entry.ts';
import type { InstallSnapshot, RaftMessage } from '../../src/raft/message.ts';
import { RaftCore } from '../../src/raft/raft-core.ts';
import { aConfiguration, TEST_CONFIG } from './builders.ts';
import type { Disk } from './disk.ts';
import { SafetyChecker } from './safety-checker.ts';

/** Writes of one step, and the messages that wait for them. Batches reach the disk in order. */
interface WriteBatch {
  readonly hardState: HardState | undefined;
  readonly append: Effects['append'];
  readonly upTo: EntryId;
  readonly messages: readonly RaftMessage[];
}

interface Member {
  readonly id: NodeId;
  readonly disk: Disk;
  core: RaftCore | undefined;
  writes: WriteBatch[];
  /** The snapshots in transit, sent again until they arrive. */
  readonly snapshots: Map<NodeId, InstallSnapshot>;
}

interface Flight {
  readonly message: RaftMessage;
  readonly dueMs: number;
}

export interface NetworkOptions {
  readonly nodes: number;
  /** The first voters, by default all nodes; the others have no configuration until a leader sends one. */
  readonly initialVoters?: readonly number[];
  readonly seed?: number;
  readonly config?: Partial<RaftConfig>;
  /** One way, the same for all messages. */
  readonly latencyMs?: number;
  /** Disks write only when `persist` is called; otherwise at once. */
  readonly slowDisks?: boolean;
}

/** A loop with more rounds than this is considered endless. */
const ROUNDS_MAX = 200_000;

const emptyDisk = (id: number, configuration: Configuration): Disk => ({
  hardState: { term: asTerm(0), votedFor: undefined },
  compacted: ZERO_ENTRY,
  configuration,
  entries: [],
  id: asDiskId(id),
});

type EventWithoutTime = RaftEvent extends infer Each ? (Each extends RaftEvent ? Omit<Each, 'now'> : never) : never;

/**
 * Cores connected by messages, each with a disk, and nothing else: the effects are executed in the order of their contract.
 * The test controls messages in flight, writes and cut links; every step is checked for safety.
 */
export class Network {
  readonly checker: SafetyChecker;
  now = 0;
  inFlight: Flight[] = [];
  readonly #options: NetworkOptions;
  readonly #members: Member[];
  readonly #random: SeededRandom;
  readonly #cut = new Set<string>();
  #slowDisks: boolean;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#slowDisks = options.slowDisks ?? false;
    const ids = Array.from({ length: options.nodes }, (_, offset) => offset + 1);
    const initialVoters = options.initialVoters ?? ids;
    const initialConfiguration = {
      ...aConfiguration(initialVoters),
      disks: initialVoters.map((node) => ({ node: asNodeId(node), disk: asDiskId(100 + node) })),
    };
    this.#random = new SeededRandom(options.seed ?? 1);
    this.#members = ids.map((id) => ({
      id: asNodeId(id),
      disk: emptyDisk(100 + id, initialVoters.includes(id) ? initialConfiguration : aConfiguration([])),
      core: undefined,
      writes: [],
      snapshots: new Map(),
    }));
    this.checker = new SafetyChecker(this);
    for (const id of ids) this.restart(id);
  }

  get ids(): number[] {
    return this.#members.map((member) => member.id);
  }

  liveIds(): number[] {
    return this.#members.filter((member) => member.core !== undefined).map((member) => member.id);
  }

  isUp(id: number): boolean {
    return this.#member(id).core !== undefined;
  }

  core(id: number): RaftCore {
    const { core } = this.#member(id);
    if (core === undefined) throw new Error(`node ${id} is down`);
    return core;
  }

  disk(id: number): Disk {
    return this.#member(id).disk;
  }

  // ---- node events ----------------------------------------------------------------------------------------------------

  step(id: number, event: EventWithoutTime): Effects | undefined {
    const member = this.#member(id);
    if (member.core === undefined) return undefined;
    const effects = member.core.step({ ...event, now: this.now });
    this.#execute(member, effects);
    this.checker.afterStep(id);
    return effects;
  }

  propose(id: number, value = 0): Effects | undefined {
    return this.step(id, { type: 'propose', data: Uint8Array.of(value & 0xff, value >> 8) });
  }

  losePeer(id: number, peer: number): void {
    this.inFlight = this.inFlight.filter(({ message: { from, to } }) => !(from === peer && to === id));
    this.step(id, { type: 'peer-lost', peer: asNodeId(peer) });
  }

  /** The node's own deadline passes; the clock moves there. */
  timeOut(id: number): void {
    if (!this.isUp(id)) return;
    this.now = Math.max(this.now, this.core(id).nextDeadlineMs);
    this.step(id, { type: 'deadline' });
  }

  /** The oldest `count` batches reach the disk; each is reported, and the messages that wait for it are sent. */
  persist(id: number, count = Number.POSITIVE_INFINITY): void {
    const member = this.#member(id);
    for (let done = 0; done < count && member.core !== undefined; done += 1) {
      const batch = member.writes.shift();
      if (batch === undefined) return;
      this.#write(member, batch);
      for (const message of batch.messages) this.#send(message);
      if (batch.append !== undefined) this.step(id, { type: 'persisted', upTo: batch.upTo });
    }
  }

  /** From now on disks write at once, beginning with the waiting batches. */
  useFastDisks(): void {
    this.#slowDisks = false;
    for (const id of this.ids) this.persist(id);
  }

  /** A checkpoint covers the log up to `upTo`, limited to what this node has committed and written. */
  compact(id: number, upTo: number): void {
    const member = this.#member(id);
    if (member.core === undefined) return;
    const { commit, log, configurations } = member.core.view;
    const stored = member.disk.compacted.index + member.disk.entries.length;
    const index = Math.min(upTo, commit, log.persisted, stored);
    if (index <= member.disk.compacted.index) return;
    member.disk.configuration = configurations.at(asIndex(index)).configuration;
    const dropped = member.disk.entries.splice(0, index - member.disk.compacted.index).at(-1);
    if (dropped !== undefined) member.disk.compacted = { index: dropped.index, term: dropped.term };
    this.step(id, { type: 'compacted', upTo: asIndex(index) });
  }

  /** Only what reached the disk survives; messages in flight still arrive. */
  crash(id: number): void {
    const member = this.#member(id);
    member.core = undefined;
    member.writes = [];
    member.snapshots.clear();
  }

  /** The node's disk is lost, and with it every promise; it will come back with a new one. */
  loseDisk(id: number): void {
    this.crash(id);
    const member = this.#member(id);
    Object.assign(member.disk, emptyDisk(member.disk.id + 1000, aConfiguration([])));
    this.checker.afterDiskLoss(id);
  }

  restart(id: number): void {
    const member = this.#member(id);
    if (member.core !== undefined) return;
    const { hardState, compacted, configuration, entries } = member.disk;
    member.core = new RaftCore({
      id: member.id,
      disk: member.disk.id,
      config: { ...TEST_CONFIG, ...this.#options.config },
      configuration,
      hardState,
      compacted,
      entries,
      commit: compacted.index,
      seed: this.#random.nextUint32(),
      now: this.now,
    });
    this.checker.afterRestart(id);
  }

  // ---- the links ------------------------------------------------------------------------------------------------------

  /** Messages from `from` to `to` are lost until `heal`. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  isolate(id: number): void {
    for (const other of this.ids.filter((each) => each !== id)) {
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  partition(...groups: readonly (readonly number[])[]): void {
    for (const group of groups) {
      for (const id of group) {
        for (const other of this.ids.filter((each) => !group.includes(each))) this.cut(id, other);
      }
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The message at `place` among those in flight arrives now; with `keep` a duplicate stays there. */
  deliverAt(place: number, keep = false): void {
    const flight = this.inFlight[place];
    if (flight === undefined) return;
    if (!keep) this.inFlight.splice(place, 1);
    const { from, to } = flight.message;
    if (!this.#cut.has(`${from}>${to}`)) this.step(to, { type: 'message', message: flight.message });
  }

  dropAt(place: number): void {
    this.inFlight.splice(place, 1);
  }

  /** All messages in flight that `wanted` selects are lost. */
  drop(wanted: (message: RaftMessage) => boolean): void {
    this.inFlight = this.inFlight.filter(({ message }) => !wanted(message));
  }

  /** Messages arrive, oldest first, until none is in flight. The clock does not move. */
  deliverAll(): void {
    for (let round = 0; this.inFlight.length > 0; round += 1) {
      if (round > ROUNDS_MAX) throw new Error('messages cause messages without end');
      this.deliverAt(0);
    }
  }

  /** Like the runtime for a chunk without a reply: sends the same snapshot again. */
  resendSnapshots(): void {
    for (const { core, snapshots } of this.#members) {
      for (const [to, message] of snapshots) {
        if (core?.view.term === message.term && core.view.leading?.progress.get(to)?.state === 'snapshot') this.#send(message);
        else snapshots.delete(to);
      }
    }
  }

  // ---- time -----------------------------------------------------------------------------------------------------------

  /** Messages arrive and deadlines pass, in the order of time, until `isDone`. @returns whether it became true within `withinMs`. */
  runUntil(isDone: () => boolean, withinMs = 10_000): boolean {
    const end = this.now + withinMs;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      if (isDone()) return true;
      const flightAt = this.#nextFlight();
      const arrival = this.inFlight[flightAt]?.dueMs ?? Number.POSITIVE_INFINITY;
      const sleeper = this.#nextSleeper();
      const deadline = sleeper === undefined ? Number.POSITIVE_INFINITY : this.core(sleeper).nextDeadlineMs;
      const next = Math.max(this.now, Math.min(arrival, deadline));
      if (next > end) break;
      this.now = next;
      if (arrival <= deadline) this.deliverAt(flightAt);
      else if (sleeper !== undefined) this.step(sleeper, { type: 'deadline' });
    }
    if (this.now < end && isDone()) return true;
    this.now = Math.max(this.now, end);
    return false;
  }

  run(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /** The node that leads the newest term among those that are up. */
  leader(): number | undefined {
    const leaders = this.liveIds().filter((id) => this.core(id).view.role === 'leader');
    return leaders.sort((a, b) => this.core(b).view.term - this.core(a).view.term)[0];
  }

  /** Time passes until a node leads and every reachable node that is up follows it. */
  electAny(withinMs = 10_000): number {
    const isSettled = (): boolean => {
      const leader = this.leader();
      return leader !== undefined && this.core(leader).view.commit === this.core(leader).view.log.lastIndex;
    };
    if (!this.runUntil(isSettled, withinMs)) throw new Error(`no leader after ${withinMs} ms`);
    return this.leader() as number;
  }

  /** Node `id` starts an election at once, and everything arrives: it leads unless a vote is rejected. */
  elect(id: number): void {
    for (let attempt = 0; attempt < 5 && this.core(id).view.role !== 'leader'; attempt += 1) {
      this.timeOut(id);
      this.deliverAll();
    }
    if (this.core(id).view.role !== 'leader') throw new Error(`node ${id} was not elected`);
  }

  // ---- the contract of the effects ----------------------------------------------------------------------------------

  #execute(member: Member, effects: Effects): void {
    for (const message of effects.messages) this.#send(message);
    const { hardState, append, messagesAfterPersist: messages } = effects;
    if (hardState !== undefined || append !== undefined || messages.length > 0) {
      member.writes.push({ hardState, append, upTo: this.core(member.id).view.log.last, messages });
    }
    if (!this.#slowDisks) this.persist(member.id);
    for (const peer of effects.snapshotsWanted) this.#sendSnapshot(member, peer);
    if (effects.snapshotChunk !== undefined) this.#installSnapshot(member, effects.snapshotChunk);
  }

  #write(member: Member, { hardState, append }: WriteBatch): void {
    const { disk } = member;
    if (hardState !== undefined) {
      this.checker.beforeHardState(member.id, disk.hardState, hardState);
      disk.hardState = hardState;
    }
    if (append === undefined) return;
    const kept = append.from - disk.compacted.index - 1;
    if (kept < 0 || kept > disk.entries.length) throw new Error(`node ${member.id} writes at ${append.from}, outside its log`);
    disk.entries = [...disk.entries.slice(0, kept), ...append.entries];
  }

  #sendSnapshot(member: Member, to: NodeId): void {
    const { term } = this.core(member.id).view;
    const snapshot = { ...member.disk.compacted, configuration: member.disk.configuration };
    const data = new Uint8Array(0);
    const message: InstallSnapshot = { type: 'install-snapshot', from: member.id, to, term, snapshot, chunk: 0, done: true, data };
    member.snapshots.set(to, message);
    this.#send(message);
  }

  #installSnapshot(member: Member, { snapshot }: InstallSnapshot): void {
    this.persist(member.id);
    member.disk.compacted = { index: snapshot.index, term: snapshot.term };
    member.disk.configuration = snapshot.configuration;
    member.disk.entries = [];
    this.step(member.id, { type: 'snapshot-installed', snapshot });
  }

  #send(message: RaftMessage): void {
    this.inFlight.push({ message, dueMs: this.now + (this.#options.latencyMs ?? 0) });
  }

  #nextFlight(): number {
    let first = 0;
    for (let place = 1; place < this.inFlight.length; place += 1) {
      if ((this.inFlight[place]?.dueMs ?? 0) < (this.inFlight[first]?.dueMs ?? 0)) first = place;
    }
    return first;
  }

  #nextSleeper(): number | undefined {
    return this.liveIds().sort((a, b) => this.core(a).nextDeadlineMs - this.core(b).nextDeadlineMs)[0];
  }

  #member(id: number): Member {
    const member = this.#members.find((each) => each.id === id);
    if (member === undefined) throw new Error(`there is no node ${id}`);
    return member;
  }
}
