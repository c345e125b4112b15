import { asGeneration } from '../../src/base/generation.ts';
import { asDiskId, asIndex, asNodeId, asTerm } from '../../src/base/ids.ts';
import type { RaftConfig } from '../../src/raft/config.ts';
import { raftConfig } from '../../src/raft/config.ts';
import type { Effects } from '../../src/raft/effects.ts';
import type { Configuration, Entry, EntryId, EntryKind } from '../../src/raft/entry.ts';
import { configurationOf } from '../../src/raft/entry.ts';
import type { MembershipChange } from '../../src/raft/membership.ts';
import type {
  AppendAccepted,
  AppendEntries,
  AppendRejected,
  InstallSnapshot,
  RaftMessage,
  RequestVote,
  SnapshotReply,
  VoteReply,
} from '../../src/raft/message.ts';
import type { CoreView } from '../../src/raft/raft-core.ts';
import { RaftCore } from '../../src/raft/raft-core.ts';
import type { ElectionRules } from '../../src/raft/shared-state.ts';

/** The timings of all tests here: an election timeout of 100 to 200 ms, a heartbeat every 20. */
export const TEST_CONFIG: RaftConfig = raftConfig({ heartbeatMs: 20, electionTimeoutMs: 100, lostLeaderElectionMs: 5 });

/** An entry id in plain numbers, as tests write it. */
export interface PlainId {
  readonly index: number;
  readonly term: number;
}

export interface CoreSetup {
  readonly id?: number;
  readonly term?: number;
  readonly votedFor?: number;
  readonly log?: readonly (PlainId & { readonly bytes?: number })[];
  readonly compacted?: PlainId;
  readonly commit?: number;
  readonly voters?: readonly number[];
  readonly outgoing?: readonly number[];
  readonly learners?: readonly number[];
  readonly disk?: number;
  readonly generation?: number;
  readonly configuration?: Partial<Configuration>;
  readonly config?: Partial<RaftConfig>;
  readonly electionRules?: ElectionRules;
  readonly seed?: number;
  readonly now?: number;
}

export const idOf = (id: PlainId): EntryId => ({ index: asIndex(id.index), term: asTerm(id.term) });
export const nothing: PlainId = { index: 0, term: 0 };

export function anEntry(id: PlainId, options: { readonly bytes?: number; readonly kind?: EntryKind } = {}): Entry {
  return { ...idOf(id), kind: options.kind ?? 'command', data: new Uint8Array(options.bytes ?? 1).fill(id.term) };
}

/** Entry ids from 1 on with these terms: `logOf(1, 1, 4)` is how the paper's figures write logs. */
export const logOf = (...terms: readonly number[]): PlainId[] => terms.map((term, offset) => ({ index: offset + 1, term }));

export function aConfiguration(
  voters: readonly number[],
  outgoing: readonly number[] = [],
  learners: readonly number[] = [],
): Configuration {
  return configurationOf({ voters: voters.map(asNodeId), outgoing: outgoing.map(asNodeId), learners: learners.map(asNodeId) });
}

/** A core whose clock the test controls; `step` takes a message, as in the paper's claims. */
export class TestCore {
  readonly core: RaftCore;
  now: number;

  constructor(setup: CoreSetup = {}) {
    const compacted = idOf(setup.compacted ?? nothing);
    this.now = setup.now ?? 0;
    this.core = new RaftCore({
      id: asNodeId(setup.id ?? 1),
      disk: asDiskId(setup.disk ?? 0),
      generation: asGeneration(setup.generation ?? 0),
      config: { ...TEST_CONFIG, ...setup.config },
      ...(setup.electionRules === undefined ? {} : { electionRules: setup.electionRules }),
      configuration: { ...aConfiguration(setup.voters ?? [1, 2, 3], setup.outgoing, setup.learners), ...setup.configuration },
      hardState: { term: asTerm(setup.term ?? 1), votedFor: setup.votedFor === undefined ? undefined : asNodeId(setup.votedFor) },
      compacted,
      entries: (setup.log ?? []).map((id) => anEntry(id, id.bytes === undefined ? {} : { bytes: id.bytes })),
      commit: asIndex(setup.commit ?? compacted.index),
      seed: setup.seed ?? 7,
      now: this.now,
    });
  }

  get view(): CoreView {
    return this.core.view;
  }

  get id(): number {
    return this.view.id;
  }

  /** The terms in the log window, oldest first. */
  get terms(): number[] {
    const { log } = this.view;
    return log.between(log.compacted.index, log.lastIndex).map((entry) => entry.term);
  }

  step(message: RaftMessage): Effects {
    return this.core.step({ type: 'message', now: this.now, message });
  }

  propose(bytes = 1): Effects {
    return this.core.step({ type: 'propose', now: this.now, data: new Uint8Array(bytes) });
  }

  /** The disk holds the log up to `upTo`, by default all of it. */
  persist(upTo: PlainId = this.view.log.last): Effects {
    return this.core.step({ type: 'persisted', now: this.now, upTo: idOf(upTo) });
  }

  /** Time passes, and nothing else happens. */
  advance(ms: number): void {
    this.now += ms;
  }

  /** The clock reaches the next deadline, and it fires. */
  reachDeadline(): Effects {
    this.now = Math.max(this.now, this.core.nextDeadlineMs);
    return this.core.step({ type: 'deadline', now: this.now });
  }

  /** The next deadline fires, but this node did not run for this long after it. @param unread peers with unread messages. */
  reachDeadlineLate(delayedMs: number, unread: readonly number[] = []): Effects {
    this.now = Math.max(this.now, this.core.nextDeadlineMs + delayedMs);
    if (delayedMs > 0) this.core.step({ type: 'away', now: this.now, durationMs: delayedMs });
    return this.core.step({ type: 'deadline', now: this.now, unread: new Set(unread.map(asNodeId)) });
  }

  /** Time passes, and this node reads nothing meanwhile. */
  beAway(durationMs: number): void {
    this.now += durationMs;
    this.core.step({ type: 'away', now: this.now, durationMs });
  }

  /** In the middle of a long turn. */
  beat(): Effects {
    return this.core.step({ type: 'heartbeat', now: this.now });
  }

  losePeer(peer: number): Effects {
    return this.core.step({ type: 'peer-lost', now: this.now, peer: asNodeId(peer) });
  }

  expectNoLeader(): Effects {
    return this.core.step({ type: 'leaderless', now: this.now });
  }

  compact(upTo: number): Effects {
    return this.core.step({ type: 'compacted', now: this.now, upTo: asIndex(upTo) });
  }

  snapshotInstalled(snapshot: PlainId, voters: readonly number[] = [1, 2, 3]): Effects {
    return this.core.step({
      type: 'snapshot-installed',
      now: this.now,
      snapshot: { ...idOf(snapshot), configuration: aConfiguration(voters) },
    });
  }

  /** Peer `from` acknowledges the log up to `match` in this core's term. */
  acknowledge(from: number, match: number): Effects {
    return this.step(anAcceptance({ from, to: this.id, term: this.view.term, match }));
  }

  /** Requests a membership change. The peers then reply, each with the disk that it showed before, and the request is repeated. */
  changeMembers(change: MembershipChange): Effects {
    const asked = this.core.step({ type: 'change-membership', now: this.now, change });
    if (asked.rejected?.reason !== 'voters-asked') return asked;
    for (const message of asked.messages) {
      if (message.type !== 'append') continue;
      const { match, disk, generation } = this.progressOf(message.to);
      this.step(anAcceptance({ from: message.to, to: this.id, term: this.view.term, match, disk, generation, round: message.round }));
    }
    return this.core.step({ type: 'change-membership', now: this.now, change, isRepeated: true });
  }

  progressOf(peer: number) {
    const progress = this.view.leading?.progress.get(asNodeId(peer));
    if (progress === undefined) throw new Error(`node ${this.id} keeps no progress of ${peer}`);
    return progress;
  }
}

export const aCore = (setup: CoreSetup = {}): TestCore => new TestCore(setup);

/** A follower; if `leader` is given, it has just received a message from that node. */
export function aFollower(setup: CoreSetup & { readonly leader?: number } = {}): TestCore {
  const core = new TestCore(setup);
  if (setup.leader !== undefined) core.step(anAppend({ from: setup.leader, to: core.id, term: core.view.term }));
  return core;
}

const otherVoters = (core: TestCore): number[] =>
  [...new Set([...core.view.configuration.voters, ...core.view.configuration.outgoing])].filter((voter) => voter !== core.id);

/** A follower whose election timeout passed: it asks for pre-votes for `term`. */
export function aPreCandidate(setup: CoreSetup = {}): TestCore {
  const core = new TestCore({ ...setup, term: (setup.term ?? 2) - 1 });
  core.reachDeadline();
  return core;
}

/** A candidate of `term` (default 2), its own vote persisted, no reply received. */
export function aCandidate(setup: CoreSetup = {}): TestCore {
  const core = aPreCandidate(setup);
  for (const from of otherVoters(core)) {
    if (core.view.role === 'pre-candidate')
      core.step(aVoteReply({ from, to: core.id, term: core.view.term + 1, preVote: true, granted: true }));
  }
  return core;
}

/** The leader of `term` (default 2), with its no-op after `log` and on its own disk; no peer has replied yet. */
export function aLeader(setup: CoreSetup = {}): TestCore {
  const core = aCandidate(setup);
  for (const from of otherVoters(core)) {
    if (core.view.role === 'candidate') core.step(aVoteReply({ from, to: core.id, term: core.view.term, granted: true }));
  }
  core.persist();
  return core;
}

/** A leader whose peers have all acknowledged its log: each is in `replicate`, and everything is committed. */
export function anEstablishedLeader(setup: CoreSetup = {}): TestCore {
  const core = aLeader(setup);
  for (const peer of core.view.leading?.progress.keys() ?? []) core.acknowledge(peer, core.view.log.lastIndex);
  return core;
}

interface Envelope {
  readonly from?: number;
  readonly to?: number;
  readonly term?: number;
}

const envelopeOf = ({ from, to, term }: Envelope) => ({ from: asNodeId(from ?? 2), to: asNodeId(to ?? 1), term: asTerm(term ?? 1) });

export function aVoteRequest(
  parts: Envelope & {
    readonly last?: PlainId;
    readonly preVote?: boolean;
    readonly transfer?: boolean;
    readonly voterDisk?: number;
    readonly voterGeneration?: number;
  } = {},
): RequestVote {
  const { last = nothing, preVote = false, transfer = false, voterDisk = 0, voterGeneration = 0 } = parts;
  const voter = { voterDisk: asDiskId(voterDisk), voterGeneration: asGeneration(voterGeneration) };
  return { ...envelopeOf(parts), type: 'request-vote', last: idOf(last), preVote, transfer, ...voter };
}

export function aVoteReply(
  parts: Envelope & { readonly preVote?: boolean; readonly granted?: boolean; readonly removedBy?: number } = {},
): VoteReply {
  const { preVote = false, granted = true, removedBy = 0 } = parts;
  return { ...envelopeOf(parts), type: 'vote-reply', preVote, granted, removedBy: asIndex(removedBy) };
}

export function anAppend(
  parts: Envelope & {
    readonly prev?: PlainId;
    readonly entries?: readonly PlainId[];
    readonly commit?: number;
    readonly round?: number;
  } = {},
): AppendEntries {
  return {
    ...envelopeOf(parts),
    type: 'append',
    prev: idOf(parts.prev ?? nothing),
    entries: (parts.entries ?? []).map((id) => anEntry(id)),
    commit: asIndex(parts.commit ?? 0),
    round: parts.round ?? 0,
  };
}

interface Reply extends Envelope {
  readonly round?: number;
  readonly disk?: number;
  readonly generation?: number;
}

const responseOf = (parts: Reply) => ({
  ...envelopeOf(parts),
  round: parts.round ?? 0,
  disk: asDiskId(parts.disk ?? 0),
  generation: asGeneration(parts.generation ?? 0),
});

export function anAcceptance(parts: Reply & { readonly match: number }): AppendAccepted {
  return { ...responseOf(parts), type: 'append-accepted', match: asIndex(parts.match) };
}

export function aRejection(parts: Reply & { readonly rejected: number; readonly hint?: PlainId }): AppendRejected {
  return { ...responseOf(parts), type: 'append-rejected', rejected: asIndex(parts.rejected), hint: idOf(parts.hint ?? nothing) };
}

export function aSnapshotChunk(
  parts: Envelope & { readonly snapshot: PlainId; readonly chunk?: number; readonly done?: boolean },
): InstallSnapshot {
  return {
    ...envelopeOf(parts),
    type: 'install-snapshot',
    snapshot: { ...idOf(parts.snapshot), configuration: aConfiguration([1, 2, 3]) },
    chunk: parts.chunk ?? 0,
    done: parts.done ?? true,
    data: new Uint8Array(0),
  };
}

export function aSnapshotReply(parts: Envelope & { readonly snapshot: PlainId; readonly nextChunk?: number }): SnapshotReply {
  return { ...envelopeOf(parts), type: 'snapshot-reply', snapshot: idOf(parts.snapshot), nextChunk: parts.nextChunk ?? 0 };
}

/** All messages, in sending order. */
export const messagesIn = (effects: Effects): RaftMessage[] => [...effects.messages, ...effects.messagesAfterPersist];

/** Messages that wait for the disk: replies, and requests for votes. */
export const repliesIn = (effects: Effects): readonly RaftMessage[] => effects.messagesAfterPersist;

export const appendsIn = (effects: Effects): AppendEntries[] => messagesIn(effects).filter((message) => message.type === 'append');

export const indexesOf = (message: AppendEntries): number[] => message.entries.map((entry) => entry.index);
