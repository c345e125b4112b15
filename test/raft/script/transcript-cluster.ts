import type { NodeId } from '../../../src/base/ids.ts';
import { asDiskId, asIndex, asNodeId, asTerm, ZERO_ENTRY } from '../../../src/base/ids.ts';
import type { RaftConfig } from '../../../src/raft/config.ts';
import { raftConfig } from '../../../src/raft/config.ts';
import type { Effects, RaftEvent } from '../../../src/raft/effects.ts';
import type { Configuration, EntryId } from '../../../src/raft/entry.ts';
import type { RaftMessage } from '../../../src/raft/message.ts';
import { RaftCore } from '../../../src/raft/raft-core.ts';
import { aConfiguration, TEST_CONFIG } from '../builders.ts';
import type { Disk } from '../disk.ts';
import { SafetyChecker } from '../safety-checker.ts';
import { CommandError } from './arguments.ts';
import { formatEffects, formatEntries, formatMessage } from './format.ts';
import { Links } from './links.ts';
import { SnapshotStreams } from './snapshot-streams.ts';

/** Writes of one step, and the messages that wait for them. Batches reach the disk in order. */
interface WriteBatch {
  readonly hardState: Effects['hardState'];
  readonly append: Effects['append'];
  readonly upTo: EntryId;
  readonly messages: readonly RaftMessage[];
}

interface Member {
  readonly id: NodeId;
  readonly disk: Disk;
  isSlow: boolean;
  core: RaftCore | undefined;
  boots: number;
  /** Not on disk yet. */
  writes: WriteBatch[];
  /** On disk, but not reported to the core yet. */
  completions: WriteBatch[];
}

export interface WorldSetup {
  readonly nodes: readonly number[];
  /** The other nodes have no configuration until a leader sends one. */
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly config: Partial<RaftConfig>;
  readonly slowDisks: boolean;
  readonly rounds: boolean;
  readonly seed: number;
}

/** Most deliveries that one command may cause; beyond it the messages are considered endless. */
const DELIVERIES_MAX = 5_000;

type EventWithoutTime = RaftEvent extends infer Each ? (Each extends RaftEvent ? Omit<Each, 'now'> : never) : never;

/**
 * Real cores; the transcript controls everything around them: clock, links, disks. Nothing happens by itself, except that a fast
 * disk writes at once. Every event is shown as text, and every step is checked for safety.
 */
export class TranscriptCluster {
  readonly links = new Links();
  readonly snapshots = new SnapshotStreams(this);
  now = 0;
  readonly #setup: WorldSetup;
  readonly #members: readonly Member[];
  readonly #checker: SafetyChecker;
  #lines: string[] = [];

  constructor(setup: WorldSetup) {
    this.#setup = setup;
    const { voters, learners } = setup;
    const disks = voters.map((node) => ({ node: asNodeId(node), disk: asDiskId(100 + node) }));
    const founded = { ...aConfiguration(voters, [], learners), disks };
    this.#members = setup.nodes.map((id) => ({
      id: asNodeId(id),
      disk: emptyDisk(100 + id, [...voters, ...learners].includes(id) ? founded : aConfiguration([])),
      isSlow: setup.slowDisks,
      core: undefined,
      boots: 0,
      writes: [],
      completions: [],
    }));
    this.#checker = new SafetyChecker(this);
    for (const { id } of this.#members) this.restart(id);
  }

  get ids(): number[] {
    return this.#members.map(({ id }) => id);
  }

  liveIds(): number[] {
    return this.#members.filter(({ core }) => core !== undefined).map(({ id }) => id);
  }

  core(id: number): RaftCore {
    const { core } = this.#member(id);
    if (core === undefined) throw new CommandError(`Node ${id} is down.`);
    return core;
  }

  disk(id: number): Disk {
    return this.#member(id).disk;
  }

  say(line: string): void {
    this.#lines.push(line);
  }

  /** The output since the last call. */
  takeLines(): string[] {
    return this.#lines.splice(0);
  }

  /** Entries committed before the transcript begins, for the checker. */
  presume(entries: Disk['entries'], inTerm: number): void {
    for (const entry of entries) if (!this.#checker.committed.has(entry.index)) this.#checker.committed.set(entry.index, { entry, inTerm });
  }

  step(id: number, event: EventWithoutTime): Effects {
    const member = this.#member(id);
    const effects = this.core(id).step({ ...event, now: this.now });
    for (const line of formatEffects(id, effects)) this.say(line);
    for (const message of effects.messages) this.send(message);
    const { hardState, append, messagesAfterPersist: messages } = effects;
    if (hardState !== undefined || append !== undefined || messages.length > 0) {
      member.writes.push({ hardState, append, upTo: this.core(id).view.log.last, messages });
      if (member.isSlow) this.#sayWaiting(id, effects);
      else this.persist(id);
    }
    if (effects.snapshotChunk !== undefined) this.snapshots.onChunk(id, effects.snapshotChunk);
    if (effects.snapshotReply !== undefined) this.snapshots.onReply(effects.snapshotReply);
    this.#checker.afterStep(id);
    return effects;
  }

  send(message: RaftMessage): void {
    const isSent = this.links.send(message);
    this.say(`${formatMessage(message, this.#setup.rounds)}${isSent ? '' : ' (lost)'}`);
  }

  arrive(message: RaftMessage, isShown: boolean): void {
    const isUp = this.liveIds().includes(message.to);
    if (isShown || !isUp) this.say(`${isUp ? 'arrives' : 'is lost'}: ${formatMessage(message, this.#setup.rounds)}`);
    if (isUp) this.step(message.to, { type: 'message', message });
  }

  /** The clock reaches the node's next deadline, and it fires. Other nodes' deadlines do not fire. */
  reachDeadline(id: number): void {
    this.now = Math.max(this.now, this.core(id).nextDeadlineMs);
    this.step(id, { type: 'deadline' });
  }

  /** The oldest `count` batches reach the disk; late ones are not reported, and the messages that wait for them are not sent yet. */
  persist(id: number, count = Number.POSITIVE_INFINITY, isLate = false): void {
    const member = this.#member(id);
    for (const batch of member.writes.splice(0, count)) {
      this.#write(member, batch);
      member.completions.push(batch);
    }
    if (!isLate) this.complete(id);
  }

  complete(id: number, count = Number.POSITIVE_INFINITY): void {
    const member = this.#member(id);
    for (const { append, upTo, messages } of member.completions.splice(0, count)) {
      for (const message of messages) this.send(message);
      if (append !== undefined) this.step(id, { type: 'persisted', upTo });
    }
  }

  pendingOf(id: number): { readonly writes: number; readonly completions: number } {
    const { writes, completions } = this.#member(id);
    return { writes: writes.length, completions: completions.length };
  }

  setDisk(id: number, isSlow: boolean): void {
    this.#member(id).isSlow = isSlow;
    if (!isSlow) this.persist(id);
  }

  /** A checkpoint covers the log up to `upTo`. */
  compact(id: number, upTo: number): void {
    const { disk } = this.#member(id);
    const { commit, log, configurations } = this.core(id).view;
    const most = Math.min(commit, log.persisted, disk.compacted.index + disk.entries.length);
    if (upTo > most || upTo <= disk.compacted.index) {
      throw new CommandError(`Node ${id} can compact up to ${most}, and has compacted up to ${disk.compacted.index}.`);
    }
    disk.configuration = configurations.at(asIndex(upTo)).configuration;
    const dropped = disk.entries.splice(0, upTo - disk.compacted.index).at(-1);
    if (dropped !== undefined) disk.compacted = { index: dropped.index, term: dropped.term };
    this.step(id, { type: 'compacted', upTo: asIndex(upTo) });
  }

  /** Only what reached the disk survives; messages in flight still arrive. */
  crash(id: number): void {
    const member = this.#member(id);
    const lost = member.writes.flatMap(({ append }) => append?.entries ?? []);
    if (lost.length > 0) this.say(`${id} loses what was not on its disk: ${formatEntries(lost)}`);
    member.core = undefined;
    member.writes = [];
    member.completions = [];
    this.snapshots.onCrash(id);
  }

  /** The node's disk is lost, and with it every promise; it comes back with a new one. */
  loseDisk(id: number): void {
    this.crash(id);
    const { disk } = this.#member(id);
    Object.assign(disk, emptyDisk(disk.id + 1000, aConfiguration([])));
    this.#checker.afterDiskLoss(id);
  }

  restart(id: number): void {
    const member = this.#member(id);
    if (member.core !== undefined) throw new CommandError(`Node ${id} is up.`);
    const { hardState, compacted, configuration, entries } = member.disk;
    member.core = new RaftCore({
      id: member.id,
      disk: member.disk.id,
      config: raftConfig({ ...TEST_CONFIG, ...this.#setup.config }),
      configuration,
      hardState,
      compacted,
      entries,
      commit: compacted.index,
      seed: this.#setup.seed * 10_000 + id * 100 + member.boots,
      now: this.now,
    });
    member.boots += 1;
    this.#checker.afterRestart(id);
  }

  /**
   * Everything in flight among these nodes arrives, disks write and snapshots are installed, until nothing moves.
   * The clock does not move.
   */
  stabilize(among: readonly number[]): void {
    const choice = { from: among, to: among, kind: undefined, count: 1 };
    for (let deliveries = 0; deliveries < DELIVERIES_MAX; deliveries += 1) {
      for (const id of among) if (this.liveIds().includes(id)) this.persist(id);
      for (const id of this.snapshots.whole) if (among.includes(id)) this.snapshots.install(id);
      const [message] = this.links.take(choice);
      if (message === undefined) return;
      this.arrive(message, false);
    }
    throw new CommandError('Messages cause messages without end.');
  }

  #write(member: Member, { hardState, append }: WriteBatch): void {
    const { disk } = member;
    if (hardState !== undefined) {
      this.#checker.beforeHardState(member.id, disk.hardState, hardState);
      disk.hardState = hardState;
    }
    if (append === undefined) return;
    const kept = append.from - disk.compacted.index - 1;
    if (kept < 0 || kept > disk.entries.length) throw new Error(`Node ${member.id} writes at ${append.from}, outside its log.`);
    disk.entries = [...disk.entries.slice(0, kept), ...append.entries];
  }

  #sayWaiting(id: number, { hardState, append, messagesAfterPersist }: Effects): void {
    const writes: string[] = [];
    if (hardState !== undefined)
      writes.push(`term ${hardState.term}${hardState.votedFor === undefined ? '' : ` and vote ${hardState.votedFor}`}`);
    if (append !== undefined) writes.push(formatEntries(append.entries));
    if (writes.length > 0) this.say(`${id} has to write ${writes.join(', ')}`);
    for (const message of messagesAfterPersist) this.say(`${id} waits for its disk to send: ${formatMessage(message, this.#setup.rounds)}`);
  }

  #member(id: number): Member {
    const member = this.#members.find((each) => each.id === id);
    if (member === undefined) throw new CommandError(`There is no node ${id}; there are ${this.ids.join(', ')}.`);
    return member;
  }
}

const emptyDisk = (id: number, configuration: Configuration): Disk => ({
  hardState: { term: asTerm(0), votedFor: undefined },
  compacted: ZERO_ENTRY,
  configuration,
  entries: [],
  id: asDiskId(id),
});
