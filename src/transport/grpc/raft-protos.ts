import { ByteReader, ByteWriter, MalformedBytesError, plainBytes } from '../../base/bytes.ts';
import { asGeneration } from '../../base/generation.ts';
import { asDiskId, asIndex, asTerm, type NodeId } from '../../base/ids.ts';
import { readConfiguration, writeConfiguration } from '../../raft/configuration-codec.ts';
import { ENTRY_KINDS, type Entry } from '../../raft/entry.ts';
import type {
  AppendAccepted,
  AppendEntries,
  AppendRejected,
  InstallSnapshot,
  RequestVote,
  SnapshotReply,
  TimeoutNow,
  VoteReply,
} from '../../raft/message.ts';

/** The messages of proto/raft.proto, as the loader represents them. */
export interface RequestVoteProto {
  readonly term: number;
  readonly candidate_id: number;
  readonly last_log_index: number;
  readonly last_log_term: number;
  readonly pre_vote: boolean;
  readonly leadership_transfer: boolean;
  readonly voter_disk: number;
  readonly voter_generation: number;
}

export interface RequestVoteResponseProto {
  readonly term: number;
  readonly vote_granted: boolean;
  readonly pre_vote: boolean;
  readonly removed_by: number;
}

interface EntryProto {
  readonly term: number;
  readonly kind: number;
  readonly data: Uint8Array;
}

export interface AppendEntriesProto {
  readonly term: number;
  readonly leader_id: number;
  readonly prev_log_index: number;
  readonly prev_log_term: number;
  readonly entries: readonly EntryProto[];
  readonly leader_commit: number;
  readonly round: number;
}

export interface AppendEntriesResponseProto {
  readonly term: number;
  readonly success: boolean;
  readonly match_index: number;
  readonly rejected_index: number;
  readonly hint_index: number;
  readonly hint_term: number;
  readonly round: number;
  readonly disk: number;
  readonly generation: number;
}

export interface InstallSnapshotProto {
  readonly term: number;
  readonly leader_id: number;
  readonly last_included_index: number;
  readonly last_included_term: number;
  readonly configuration: Uint8Array;
  readonly chunk: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

export interface InstallSnapshotResponseProto {
  readonly term: number;
  readonly last_included_index: number;
  readonly last_included_term: number;
  readonly next_chunk: number;
}

export interface TimeoutNowProto {
  readonly term: number;
  readonly leader_id: number;
}

/** Sender and receiver of a message, which the channel knows. */
export interface Ends {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** @throws {MalformedBytesError} for a number beyond 2^53 - 1, which a uint64 can carry and no node sends. */
function natural(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new MalformedBytesError('a number is beyond 2^53 - 1');
  return value;
}

export const requestVoteProto = (message: RequestVote): RequestVoteProto => ({
  term: message.term,
  candidate_id: message.from,
  last_log_index: message.last.index,
  last_log_term: message.last.term,
  pre_vote: message.preVote,
  leadership_transfer: message.transfer,
  voter_disk: message.voterDisk,
  voter_generation: message.voterGeneration,
});

export const requestVoteOf = (proto: RequestVoteProto, ends: Ends): RequestVote => ({
  type: 'request-vote',
  ...ends,
  term: asTerm(natural(proto.term)),
  last: { index: asIndex(natural(proto.last_log_index)), term: asTerm(natural(proto.last_log_term)) },
  preVote: proto.pre_vote,
  transfer: proto.leadership_transfer,
  voterDisk: asDiskId(natural(proto.voter_disk)),
  voterGeneration: asGeneration(natural(proto.voter_generation)),
});

export const voteReplyProto = (message: VoteReply): RequestVoteResponseProto => ({
  term: message.term,
  vote_granted: message.granted,
  pre_vote: message.preVote,
  removed_by: message.removedBy,
});

export const voteReplyOf = (proto: RequestVoteResponseProto, ends: Ends): VoteReply => ({
  type: 'vote-reply',
  ...ends,
  term: asTerm(natural(proto.term)),
  preVote: proto.pre_vote,
  granted: proto.vote_granted,
  removedBy: asIndex(natural(proto.removed_by)),
});

export const appendProto = (message: AppendEntries): AppendEntriesProto => ({
  term: message.term,
  leader_id: message.from,
  prev_log_index: message.prev.index,
  prev_log_term: message.prev.term,
  entries: message.entries.map(({ term, kind, data }) => ({ term, kind: ENTRY_KINDS.indexOf(kind), data })),
  leader_commit: message.commit,
  round: message.round,
});

/** @throws {MalformedBytesError} for an entry of unknown kind. */
export function appendOf(proto: AppendEntriesProto, ends: Ends): AppendEntries {
  const prev = { index: asIndex(natural(proto.prev_log_index)), term: asTerm(natural(proto.prev_log_term)) };
  const entries = proto.entries.map(({ term, kind, data }, at): Entry => {
    const known = ENTRY_KINDS[kind];
    if (known === undefined) throw new MalformedBytesError('an entry is of unknown kind');
    return { index: asIndex(natural(prev.index + at + 1)), term: asTerm(natural(term)), kind: known, data: plainBytes(data) };
  });
  return {
    type: 'append',
    ...ends,
    term: asTerm(natural(proto.term)),
    prev,
    entries,
    commit: asIndex(natural(proto.leader_commit)),
    round: natural(proto.round),
  };
}

export function appendResponseProto(message: AppendAccepted | AppendRejected): AppendEntriesResponseProto {
  const { term, round, disk, generation } = message;
  const nothing = { match_index: 0, rejected_index: 0, hint_index: 0, hint_term: 0 };
  if (message.type === 'append-accepted') return { term, round, disk, generation, ...nothing, success: true, match_index: message.match };
  const { rejected, hint } = message;
  return {
    ...{ term, round, disk, generation, ...nothing, success: false },
    ...{ rejected_index: rejected, hint_index: hint.index, hint_term: hint.term },
  };
}

export function appendResponseOf(proto: AppendEntriesResponseProto, ends: Ends): AppendAccepted | AppendRejected {
  const response = {
    ...ends,
    term: asTerm(natural(proto.term)),
    round: natural(proto.round),
    disk: asDiskId(natural(proto.disk)),
    generation: asGeneration(natural(proto.generation)),
  };
  if (proto.success) return { type: 'append-accepted', ...response, match: asIndex(natural(proto.match_index)) };
  const hint = { index: asIndex(natural(proto.hint_index)), term: asTerm(natural(proto.hint_term)) };
  return { type: 'append-rejected', ...response, rejected: asIndex(natural(proto.rejected_index)), hint };
}

export function installSnapshotProto(message: InstallSnapshot): InstallSnapshotProto {
  const { snapshot, chunk, data, done } = message;
  const configuration = new ByteWriter();
  writeConfiguration(configuration, snapshot.configuration);
  return {
    ...{ term: message.term, leader_id: message.from, last_included_index: snapshot.index, last_included_term: snapshot.term },
    ...{ configuration: configuration.copy(), chunk, data, done },
  };
}

/** @throws {MalformedBytesError} */
export function installSnapshotOf(proto: InstallSnapshotProto, ends: Ends): InstallSnapshot {
  const configuration = readConfiguration(new ByteReader(proto.configuration));
  const snapshot = { index: asIndex(natural(proto.last_included_index)), term: asTerm(natural(proto.last_included_term)), configuration };
  const { chunk, data, done } = proto;
  return { type: 'install-snapshot', ...ends, term: asTerm(natural(proto.term)), snapshot, chunk, data: plainBytes(data), done };
}

export const snapshotReplyProto = (message: SnapshotReply): InstallSnapshotResponseProto => ({
  term: message.term,
  last_included_index: message.snapshot.index,
  last_included_term: message.snapshot.term,
  next_chunk: message.nextChunk,
});

export const snapshotReplyOf = (proto: InstallSnapshotResponseProto, ends: Ends): SnapshotReply => ({
  type: 'snapshot-reply',
  ...ends,
  term: asTerm(natural(proto.term)),
  snapshot: { index: asIndex(natural(proto.last_included_index)), term: asTerm(natural(proto.last_included_term)) },
  nextChunk: natural(proto.next_chunk),
});

export const timeoutNowProto = (message: TimeoutNow): TimeoutNowProto => ({ term: message.term, leader_id: message.from });

export const timeoutNowOf = (proto: TimeoutNowProto, ends: Ends): TimeoutNow => ({
  type: 'timeout-now',
  ...ends,
  term: asTerm(natural(proto.term)),
});
