import { ANY_GENERATION } from '../../src/base/generation.ts';
import { ANY_DISK, asIndex, asNodeId, asTerm, ZERO_ENTRY } from '../../src/base/ids.ts';
import { raftConfig } from '../../src/raft/config.ts';
import type { Effects, RaftEvent } from '../../src/raft/effects.ts';
import { configurationOf, type Entry } from '../../src/raft/entry.ts';
import { RaftLog } from '../../src/raft/log.ts';
import type { AppendEntries, RaftMessage } from '../../src/raft/message.ts';
import { RaftCore } from '../../src/raft/raft-core.ts';
import { type MicroCase, PAYLOAD } from './micro-case.ts';

const SELF = asNodeId(1);
const LEADER = asNodeId(2);
const TAIL_MAX = 10_000;

function newCore(nodes: number): RaftCore {
  return new RaftCore({
    id: SELF,
    disk: ANY_DISK,
    config: raftConfig(),
    configuration: configurationOf({ voters: Array.from({ length: nodes }, (_, at) => asNodeId(at + 1)) }),
    hardState: { term: asTerm(0), votedFor: undefined },
    compacted: ZERO_ENTRY,
    entries: [],
    commit: asIndex(0),
    seed: 1,
    now: 0,
  });
}

/** Peers that grant every vote and accept every entry at once. */
function answerOf(message: RaftMessage): RaftMessage | undefined {
  const { from, to, term } = message;
  if (message.type === 'request-vote')
    return { type: 'vote-reply', from: to, to: from, term, preVote: message.preVote, granted: true, removedBy: asIndex(0) };
  if (message.type !== 'append') return undefined;
  const match = asIndex(message.prev.index + message.entries.length);
  return { type: 'append-accepted', from: to, to: from, term, round: message.round, disk: ANY_DISK, generation: ANY_GENERATION, match };
}

/** One step, its persistence and the peers' replies, until no message is left. */
function settle(core: RaftCore, event: RaftEvent): void {
  const { now } = event;
  const events: RaftEvent[] = [event];
  for (let next = events.shift(); next !== undefined; next = events.shift()) {
    const effects: Effects = core.step(next);
    if (effects.append !== undefined || effects.hardState !== undefined) events.push({ type: 'persisted', now, upTo: core.view.log.last });
    for (const message of [...effects.messages, ...effects.messagesAfterPersist]) {
      const reply = answerOf(message);
      if (reply !== undefined) events.push({ type: 'message', now, message: reply });
    }
  }
}

function compact(core: RaftCore, now: number): void {
  const { log, commit } = core.view;
  if (log.lastIndex - log.firstIndex > TAIL_MAX) core.step({ type: 'compacted', now, upTo: commit });
}

/** A leader's work on one proposal: propose, persist, every follower's reply, commit; by the number of nodes. */
export function leaderCases(nodeCounts: readonly number[]): MicroCase[] {
  return nodeCounts.map((nodes) => {
    const core = newCore(nodes);
    const now = core.nextDeadlineMs;
    settle(core, { type: 'deadline', now });
    if (core.view.role !== 'leader') throw new Error(`the core of ${nodes} nodes was to lead`);
    return {
      name: 'leader: propose to commit',
      operations: 1,
      operation: 'one entry, in the core of a leader',
      size: nodes,
      sizeOf: 'nodes',
      run: () => settle(core, { type: 'propose', now, data: PAYLOAD }),
      after: () => compact(core, now),
    };
  });
}

/** A follower's work on one AppendEntries: check, append, persist, commit the one before; by the number of its entries. */
export function followerCases(entryCounts: readonly number[]): MicroCase[] {
  return entryCounts.map((count) => {
    const core = newCore(3);
    const term = asTerm(1);
    let message: AppendEntries | undefined;
    return {
      name: 'follower: AppendEntries',
      operations: count,
      operation: 'one entry, in the core of a follower',
      size: count,
      sizeOf: 'entries in an AppendEntries',
      before: () => {
        const prev = core.view.log.last;
        const entries = entriesFrom(prev.index + 1, count);
        message = { type: 'append', from: LEADER, to: SELF, term, prev, entries, commit: prev.index, round: 0 };
      },
      run: () => {
        if (message !== undefined) core.step({ type: 'message', now: 0, message });
        core.step({ type: 'persisted', now: 0, upTo: core.view.log.last });
      },
      after: () => compact(core, 0),
    };
  });
}

const LOG_BATCH = 64;

/** Appending to the log in memory, by its length. */
export function logCases(lengths: readonly number[]): MicroCase[] {
  return lengths.map((length) => {
    const log = new RaftLog(ZERO_ENTRY, entriesFrom(1, length));
    const entries = entriesFrom(length + 1, LOG_BATCH);
    return {
      name: 'log: append',
      operations: LOG_BATCH,
      operation: 'one entry, in the log in memory',
      size: length,
      sizeOf: 'entries in the log',
      run: () => {
        for (const entry of entries) log.append(entry);
      },
      after: () => log.truncate(asIndex(length + 1)),
    };
  });
}

export const entriesFrom = (first: number, count: number): readonly Entry[] =>
  Array.from({ length: count }, (_, at) => ({ index: asIndex(first + at), term: asTerm(1), kind: 'command' as const, data: PAYLOAD }));
