/** One bug, injected: a piece of one source file replaced by another. */
export interface Mutant {
  /** Which of the twelve things that implementations get wrong it belongs to. */
  readonly mistake: number;
  readonly name: string;
  /** From `src/` on. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Each `find` stands exactly once in its file; a change of the code that loses one fails the run, and not silently. */
export const MUTANTS: readonly Mutant[] = [
  {
    mistake: 1,
    name: 'votes and acknowledgements leave before the disk',
    file: 'node/node-runtime.ts',
    find: 'for (const message of effects.messagesAfterPersist) this.#afterPersist.push(message);',
    replace: 'for (const message of effects.messagesAfterPersist) this.#post(message);',
  },
  {
    mistake: 1,
    name: 'a term is not written with its entries',
    file: 'node/turn-changes.ts',
    find: 'if (effects.hardState !== undefined) this.hardState = effects.hardState;',
    replace: 'if (effects.hardState !== undefined && effects.append === undefined) this.hardState = effects.hardState;',
  },
  {
    mistake: 1,
    name: 'a vote is forgotten in a crash',
    file: 'raft/core-state.ts',
    find: 'this.effects.hardState = { term, votedFor };',
    replace: 'this.effects.hardState = { term, votedFor: undefined };',
  },
  {
    mistake: 1,
    name: 'a single voter commits before its own disk',
    file: 'raft/leader.ts',
    find: "core.effects.proposed = appendOwn(core, 'command', data);",
    replace:
      "core.effects.proposed = appendOwn(core, 'command', data); if (core.configuration.voters.length === 1) core.advanceCommit(core.log.lastIndex);",
  },
  {
    mistake: 2,
    name: 'an earlier term’s entry is committed by counting',
    file: 'raft/leader.ts',
    find: 'if (index <= core.commit || core.log.termAt(index) !== core.term) return;',
    replace: 'if (index <= core.commit) return;',
  },
  {
    mistake: 3,
    name: 'the log is truncated without a conflict',
    file: 'raft/follower.ts',
    find: 'core.log.termAt(entry.index) !== entry.term;',
    replace: 'entry.index > core.commit;',
  },
  {
    mistake: 3,
    name: 'commit goes beyond what the message vouches for',
    file: 'raft/follower.ts',
    find: 'core.advanceCommit(message.commit < match ? message.commit : match);',
    replace: 'core.advanceCommit(message.commit < core.log.lastIndex ? message.commit : core.log.lastIndex);',
  },
  {
    mistake: 3,
    name: 'a follower acknowledges all of its log',
    file: 'raft/follower.ts',
    find: 'accept(core, message, asIndex(message.prev.index + message.entries.length));',
    replace: 'accept(core, message, core.log.lastIndex);',
  },
  {
    mistake: 3,
    name: 'a predecessor that does not match is accepted',
    file: 'raft/follower.ts',
    find: 'if (!core.log.contains(message.prev)) {',
    replace: 'if (message.prev.index > core.log.lastIndex) {',
  },
  {
    mistake: 4,
    name: 'acknowledgements of earlier terms count',
    file: 'raft/raft-core.ts',
    find: '} else if (message.term < core.term) {',
    replace: "} else if (message.term < core.term && message.type !== 'append-accepted') {",
  },
  {
    mistake: 5,
    name: 'behind a snapshot an empty log looks like no log at all',
    file: 'raft/log.ts',
    find: 'return last === undefined ? this.#compacted : entryId(last);',
    replace: 'return last === undefined ? { index: asIndex(0), term: asTerm(0) } : entryId(last);',
  },
  {
    mistake: 5,
    name: 'votes are given whatever the candidate’s log',
    file: 'raft/election.ts',
    find: 'const granted = mayVote && isKnownDisk && isUpToDate(message.last, core.log.last);',
    replace: 'const granted = mayVote && isKnownDisk;',
  },
  {
    mistake: 6,
    name: 'members change without a joint configuration',
    file: 'raft/membership.ts',
    find: '({ ...current, voters, outgoing: current.voters });',
    replace: '({ ...current, voters, outgoing: [] });',
  },
  {
    mistake: 6,
    name: 'a joint commit needs the new voters only',
    file: 'raft/quorum.ts',
    find: 'return outgoing === undefined || incoming < outgoing ? incoming : outgoing;',
    replace: 'return incoming;',
  },
  {
    mistake: 6,
    name: 'a joint election needs the new voters only',
    file: 'raft/quorum.ts',
    find: "return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';",
    replace: 'return incoming;',
  },
  {
    mistake: 6,
    name: 'a removed leader goes on',
    file: 'raft/leader.ts',
    find: 'if (isRemoved(core)) leaveOffice(core);',
    replace: '',
  },
  {
    mistake: 6,
    name: 'a removed node keeps campaigning',
    file: 'raft/election.ts',
    find: '  core.isRetired = true;\n',
    replace: '',
  },
  {
    mistake: 6,
    name: 'the joint configuration is left before it is committed',
    file: 'raft/reconfiguration.ts',
    find: '  if (index > core.commit) return;\n  if (isJoint(configuration)) {',
    replace: '  if (isJoint(configuration)) {',
  },
  {
    mistake: 7,
    name: 'reads are answered before the first commit of the term',
    file: 'raft/reads.ts',
    find: 'export const isReady = (core: CoreState): boolean => core.log.termAt(core.commit) === core.term;',
    replace: "export const isReady = (core: CoreState): boolean => core.role === 'leader';",
  },
  {
    mistake: 7,
    name: 'reads do not wait for the round that confirms the leader',
    file: 'raft/read-rounds.ts',
    find: 'const until = this.#waiting.findIndex(({ round }) => round > confirmed);',
    replace: 'const until = this.#waiting.findIndex(({ round }) => round > confirmed + 1_000_000);',
  },
  {
    mistake: 7,
    name: 'one of the rounds that began before a read confirms it',
    file: 'raft/read-rounds.ts',
    find: 'for (const batch of this.#pending) this.#waiting.push({ batch, index: commit, round: this.#current });',
    replace: 'for (const batch of this.#pending) this.#waiting.push({ batch, index: commit, round: this.#current - 3 });',
  },
  {
    mistake: 7,
    name: 'a lease goes on over a stopped event loop, by the time of the turn before',
    file: 'node/node-runtime.ts',
    find: `    this.#nowMs = this.#options.clock.monotonicMs();
    this.#metrics.turns += 1;
    this.#inbox.drain(this.#reader);
`,
    replace: `    this.#metrics.turns += 1;
    this.#inbox.drain(this.#reader);
    this.#reads.ask(this.#standing(), this.#nowMs);
    this.#nowMs = this.#options.clock.monotonicMs();
`,
  },
  {
    mistake: 7,
    name: 'a follower answers a read before it has applied what the read must see',
    file: 'node/read-desk.ts',
    find: 'if (index <= applied) for (const query of queries)',
    replace: 'if (index <= applied + 3) for (const query of queries)',
  },
  {
    mistake: 8,
    name: 'whoever asks is helped to depose a leader that works',
    file: 'raft/election.ts',
    find: '  return heardLately && core.leader !== undefined;',
    replace: '  return false;',
  },
  {
    mistake: 8,
    name: 'a leader that hears nobody stays',
    file: 'raft/leader.ts',
    find: "if (quorum !== 'won') {",
    replace: "if (quorum === 'lost' && core.now < 0) {",
  },
  {
    mistake: 8,
    name: 'elections without a pre-vote',
    file: 'raft/election.ts',
    find: '  becomePreCandidate(core);\n}',
    replace: '  becomeCandidate(core);\n}',
  },
  {
    mistake: 9,
    name: 'the window never opens again',
    file: 'raft/progress.ts',
    find: 'if (freed > 0) this.#inflight.splice(0, freed);',
    replace: '',
  },
  {
    mistake: 9,
    name: 'a full window is lost while compaction passes it',
    file: 'raft/leader.ts',
    find: 'progress.becomeProbe(nextIndex(progress.match));\n  }\n  if (core.conf',
    replace: '}\n  if (core.conf',
  },
  {
    mistake: 9,
    name: 'a leader wakes for claims that were served',
    file: 'node/parked-claims.ts',
    find: 'return this.#nextToExpire()?.expiresMs ?? Number.POSITIVE_INFINITY;',
    replace: 'return this.#expiries.top()?.expiresMs ?? Number.POSITIVE_INFINITY;',
  },
  {
    mistake: 10,
    name: 'a late snapshot replaces a log that has gone on',
    file: 'raft/follower.ts',
    find: '  if (core.log.contains(message.snapshot)) core.advanceCommit(message.snapshot.index);\n  if (message.snapshot.index <= core.commit) {',
    replace: '  if (message.snapshot.index < 0) {',
  },
  {
    mistake: 10,
    name: 'a snapshot comes without its members',
    file: 'raft/core-state.ts',
    find: 'this.configurations.resetTo({ index: snapshot.index, configuration: snapshot.configuration });',
    replace: 'this.configurations.resetTo({ index: snapshot.index, configuration: this.configuration });',
  },
  {
    mistake: 10,
    name: 'a checkpoint is said to cover what is not applied',
    file: 'node/checkpoint-schedule.ts',
    find: 'checkpoint: { snapshot: { index: applied, term, configuration }',
    replace: 'checkpoint: { snapshot: { index: log.persisted, term: log.termAt(log.persisted) ?? term, configuration }',
  },
  {
    mistake: 10,
    name: 'each repeated chunk starts another stream of chunks',
    file: 'node/snapshot-transfer.ts',
    find: "if (!isSameEntry(snapshot, this.snapshot) || nextChunk === this.#current.chunk) return 'ignore';",
    replace: "if (!isSameEntry(snapshot, this.snapshot)) return 'ignore';",
  },
  {
    mistake: 11,
    name: 'a damaged record is served',
    file: 'storage/memory-storage.ts',
    find: 'if (this.#disk.checksum.record(this.#tags[kind] ?? 0, key, value) !== checksum) {',
    replace: 'if (checksum < 0) {',
  },
  {
    mistake: 11,
    name: 'a damaged log entry is served',
    file: 'storage/memory-storage.ts',
    find: 'if (kind === undefined || this.#disk.checksum.entry(position, term, code, value) !== checksum) {',
    replace: 'if (kind === undefined) {',
  },
  {
    mistake: 11,
    name: 'a voter counts although its disk was lost',
    file: 'raft/membership.ts',
    find: 'return expected === 0 || disk === 0 || expected === disk;',
    replace: 'return expected >= 0;',
  },
  {
    mistake: 12,
    name: 'a repeated request is carried out again',
    file: 'queue/job-queue.ts',
    find: 'let answer = session.answerOf(sequence);',
    replace: 'let answer: Uint8Array | undefined;',
  },
  {
    mistake: 12,
    name: 'the memory of answers is not in the checkpoint',
    file: 'queue/checkpoint.ts',
    find: '    yield* this.#sessions();\n',
    replace: '',
  },
  {
    mistake: 12,
    name: 'a leader of the past answers that there is no job',
    file: 'node/request-desk.ts',
    find: 'for (const claim of expired) this.#queued.push(claim);',
    replace:
      'for (const claim of expired) { const reply = new Uint8Array(26); const view = new DataView(reply.buffer); view.setFloat64(0, claim.client, true); view.setFloat64(8, claim.sequence, true); view.setUint32(17, 1, true); reply[21] = 2; this.#answer(claim, { type: "reply", reply }); }',
  },
];
