import type { Mutant } from './mutant.ts';

/** In elections, replication, members, reads, snapshots and storage. */
export const CONSENSUS_MUTANTS: readonly Mutant[] = [
  {
    mistake: 1,
    name: 'votes and acknowledgements leave before the disk',
    file: 'node/node-runtime.ts',
    find: 'for (const message of effects.messagesAfterPersist) this.#afterPersist.push(message);',
    replace: 'for (const message of effects.messagesAfterPersist) this.#post(message);',
  },
  {
    mistake: 1,
    name: 'acknowledgements leave before all of a long suffix is deleted',
    file: 'node/node-runtime.ts',
    find: 'if (!this.#changes.isTruncating) for (const message',
    replace: 'for (const message',
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
    name: 'commit goes beyond the entries that the message covers',
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
    name: 'a voter is removed although the rest needs a disk that was lost',
    file: 'raft/reconfiguration.ts',
    find: 'if (!isJoint(next) || isCarried(core, next)) {',
    replace: 'if (next.voters.length > 0) {',
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
    const durationMs = this.#pace.onTurn(this.#nowMs);
    if (durationMs > 0) this.#step({ type: 'away', now: this.#nowMs, durationMs });
    this.#inbox.drain(this.#reader, this.#core.view.leader);
`,
    replace: `    this.#metrics.turns += 1;
    this.#inbox.drain(this.#reader, this.#core.view.leader);
    this.#reads.ask(this.#standing(), this.#nowMs);
    this.#nowMs = this.#options.clock.monotonicMs();
    const durationMs = this.#pace.onTurn(this.#nowMs);
    if (durationMs > 0) this.#step({ type: 'away', now: this.#nowMs, durationMs });
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
    mistake: 7,
    name: 'an answer to a question of an earlier life answers a read',
    file: 'node/read-desk.ts',
    find: '(options.life % LIVES) * BATCHES_PER_LIFE;',
    replace: '0 * (options.life % LIVES) * BATCHES_PER_LIFE;',
  },
  {
    mistake: 8,
    name: 'a node that hears from a leader grants votes',
    file: 'raft/election.ts',
    find: '  return heardLately && core.leader !== undefined;',
    replace: '  return false;',
  },
  {
    mistake: 8,
    name: 'a leader that receives nothing stays',
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
    find: 'progress.becomeProbe(nextIndex(progress.match));\n  }\n  if (isRebuilt(',
    replace: '}\n  if (isRebuilt(',
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
    file: 'node/snapshot-desk.ts',
    find: "if (answer === 'restart') this.begin(from);",
    replace: 'if (answer !== undefined) send(from, sender?.resend(nowMs));',
  },
  {
    mistake: 10,
    name: 'chunks of a snapshot are counted through all terms of its leader',
    file: 'node/snapshot-transfer.ts',
    find: `this.#term === message.term;
    if (message.chunk === 0 && !(isRunning && this.#next > 0)) {
      this.#snapshot = message.snapshot;
      this.#term = message.term;`,
    replace: `this.#term === message.from;
    if (message.chunk === 0 && !(isRunning && this.#next > 0)) {
      this.#snapshot = message.snapshot;
      this.#term = message.from;`,
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
    mistake: 6,
    name: 'a cancelled replacement continues with the next joining node',
    file: 'raft/membership.ts',
    find: 'return newNodesOf(next).length > 0 ? next : { ...next, leaving: [] };',
    replace: 'return next;',
  },
  {
    mistake: 6,
    name: 'a voter that lost its disk while it was leaving votes again',
    file: 'raft/membership.ts',
    find: 'joining: without(current.joining, [...nodes, ...gone]),',
    replace: 'joining: without(current.joining, nodes),',
  },
  {
    mistake: 6,
    name: 'a voter that lost its disk while it was leaving may be promoted',
    file: 'raft/membership.ts',
    find: 'return without(current.joining, current.leaving).filter(',
    replace: 'return current.joining.filter(',
  },
  {
    mistake: 6,
    name: 'a voter that lost its disk is treated as a new node',
    file: 'raft/membership.ts',
    find: 'joining.filter((node) => !leaving.includes(node) && !disks.some((known) => known.node === node));',
    replace: 'joining.filter((node) => !leaving.includes(node) || disks.length < 0);',
  },
  {
    mistake: 11,
    name: 'a restored copy votes although the candidate has a later record',
    file: 'raft/election.ts',
    find: 'core.noticeRecord(message.voterDisk, message.voterGeneration);',
    replace: 'core.noticeRecord(message.voterDisk, undefined);',
  },
  {
    mistake: 11,
    name: 'a restored copy is not detected',
    file: 'raft/core-state.ts',
    find: 'this.effects.rolledBack = recorded;',
    replace: 'this.effects.rolledBack = undefined;',
  },
  {
    mistake: 11,
    name: 'a node that is being rebuilt counts as a copy',
    file: 'raft/rebuild.ts',
    find: 'if (progress === undefined || !isVotersState(core.configuration, voter, progress)) return false;',
    replace: 'if (progress !== undefined) return true;',
  },
  {
    mistake: 11,
    name: 'a disk is given up by what was heard before it was asked for',
    file: 'raft/rebuild.ts',
    find: 'return progress.round >= round && progress.match >= commit;',
    replace: 'return progress.match >= commit - round * 0;',
  },
];
