import type { LogIndex, NodeId, Term } from '../base/ids.ts';
import { ANY_DISK, asDiskId, asIndex, nextTerm } from '../base/ids.ts';
import type { CoreState } from './core-state.ts';
import type { Configuration } from './entry.ts';
import { isUpToDate } from './entry.ts';
import { becomeLeader } from './leader.ts';
import { diskOf, generationOf, isVotersState } from './membership.ts';
import type { RequestVote, TimeoutNow, VoteReply } from './message.ts';
import { isVoter, membersOf, voteResult } from './quorum.ts';
import { becomeFollower } from './role.ts';

/** How much longer than the first wait a round of votes may take when the leader is known to be lost: it has to cross the network, and disks. */
const ROUND_TRIP_SCALE = 4;

/** The election timeout passed. */
export function onElectionTimeout(core: CoreState): void {
  if (!canCampaign(core)) {
    core.resetElectionTimer();
    return;
  }
  core.effects.notices.push({ type: 'election-timeout', term: core.term });
  becomePreCandidate(core);
}

/** A voter, with the disk that the others know it by, and not told that it is one no more. */
const canCampaign = (core: CoreState): boolean =>
  !core.isRemoved && isVoter(votersOf(core), core.id) && isVotersState(votersOf(core), core.id, core);

/**
 * The configuration that decides whether this node may start an election. A node that is not in the latest one may, until that is committed as
 * far as it knows: perhaps no other node has its entry, and no other node can be elected (thesis §4.2.2, Figure 4.6).
 */
function votersOf({ configurations, commit, id }: CoreState): Configuration {
  const placed = configurations.latestAfter(commit, (configuration) => isVoter(configuration, id)) ?? configurations.at(commit);
  return placed.configuration;
}

/** TimeoutNow (thesis §3.10): the leader of this term wants this node to lead. It waits for no timeout, and asks for no pre-votes. */
export function onTimeoutNow(core: CoreState, message: TimeoutNow): void {
  if (core.role === 'leader' || core.leader !== message.from || !canCampaign(core)) return;
  becomeCandidate(core, true);
}

/**
 * Asks whether an election could be won before it raises its term (thesis §9.6): a node that was cut off comes back
 * without having raised the terms of all others.
 */
function becomePreCandidate(core: CoreState): void {
  core.votes.clear();
  core.present.clear();
  core.changeRole('pre-candidate', undefined);
  if (core.isLeaderLost) core.fastElectionRounds += 1;
  core.resetElectionTimer(ROUND_TRIP_SCALE);
  core.votes.set(core.id, true);
  if (tally(core) === 'won') {
    becomeCandidate(core);
    return;
  }
  askForVotes(core, nextTerm(core.term), { preVote: true, transfer: false });
}

/** Raises the term, votes for itself and asks everyone (Raft §5.2). */
function becomeCandidate(core: CoreState, transfer = false): void {
  core.votes.clear();
  core.setHardState(nextTerm(core.term), core.id);
  core.changeRole('candidate', undefined);
  core.resetElectionTimer(ROUND_TRIP_SCALE);
  core.votes.set(core.id, true);
  if (tally(core) === 'won') {
    becomeLeader(core);
    return;
  }
  askForVotes(core, core.term, { preVote: false, transfer });
}

function askForVotes(core: CoreState, term: Term, kind: Pick<RequestVote, 'preVote' | 'transfer'>): void {
  for (const to of core.peers) {
    if (!isVoter(core.configuration, to)) continue;
    const voterDisk = asDiskId(diskOf(core.configuration, to));
    const voterGeneration = generationOf(core.configuration, to);
    const request: RequestVote = {
      type: 'request-vote',
      from: core.id,
      to,
      term,
      last: core.log.last,
      voterDisk,
      voterGeneration,
      ...kind,
    };
    // A pre-vote promises nothing. A vote's request leaves only with this node's own vote on disk: else a crash could
    // let it vote for another in the term in which it already stands.
    if (kind.preVote) core.send(request);
    else core.sendAfterPersist(request);
  }
}

const tally = (core: CoreState) => voteResult(core.configuration, (voter) => core.votes.get(voter));

/**
 * Another node starts an election while this node hears from a leader: its request is rejected and its term not adopted, so that a node
 * with partial connectivity cannot depose a working leader (thesis §4.2.3, §6.4).
 */
export function isLeaderSticky(core: CoreState): boolean {
  if (core.role === 'leader') return true;
  const heardLately = core.now - core.leaderHeardMs < core.config.electionTimeoutMs;
  // A lease counts on every promise for its whole time, whatever became of the leader meanwhile.
  if (core.config.leaseMs > 0) return heardLately;
  return heardLately && core.leader !== undefined;
}

/** RequestVote of the current term, or a pre-vote of any term not below it. */
export function onRequestVote(core: CoreState, message: RequestVote): void {
  core.noticeRecord(message.voterDisk, message.voterGeneration);
  if (core.effects.rolledBack !== undefined) return;
  const isFree = core.votedFor === message.from || (core.votedFor === undefined && core.leader === undefined);
  const mayVote = message.preVote ? message.term > core.term || isFree : isFree;
  // Who lost its disk forgot which votes it gave: it has none to give until it is a voter again, by its new disk.
  const isKnownDisk = message.voterDisk === ANY_DISK || core.disk === ANY_DISK || message.voterDisk === core.disk;
  const granted = mayVote && isKnownDisk && isUpToDate(message.last, core.log.last); // Raft §5.4.1
  const reply: VoteReply = {
    type: 'vote-reply',
    from: core.id,
    to: message.from,
    // A granted pre-vote speaks of the term that was asked for; a rejection tells the asker where the cluster stands.
    term: granted ? message.term : core.term,
    preVote: message.preVote,
    granted,
    removedBy: removalOf(core, message.from),
  };
  if (granted && !message.preVote) {
    if (core.votedFor !== message.from) core.effects.notices.push({ type: 'voted', term: core.term, candidate: message.from });
    core.setHardState(core.term, message.from);
    core.resetElectionTimer();
  }
  core.sendAfterPersist(reply);
  if (granted && message.preVote && core.role === 'pre-candidate' && winsTie(core, message)) yieldPreVote(core);
}

/** Which of two nodes goes on whose logs would allow it and that ask for pre-votes at the same time; both come to the same reply. */
const winsTie = (core: CoreState, rival: RequestVote): boolean => !isUpToDate(core.log.last, rival.last) || rival.from < core.id;

/**
 * Otherwise both would be candidates, each with its own vote, and neither would be elected in that term. Of the elections after a killed leader in a cluster of
 * three that was one in ten, and they were the slow ones (measured: 73 to 776 ms where the others took 15 to 50).
 */
function yieldPreVote(core: CoreState): void {
  core.votes.clear();
  core.changeRole('follower', undefined);
  core.resetElectionTimer(ROUND_TRIP_SCALE);
}

/**
 * The committed configuration that no longer has the asker, or zero. A node that was removed while it was away finds out from the
 * rejection, and asks no more.
 */
export function removalOf(core: CoreState, asker: NodeId): LogIndex {
  const { index, configuration } = core.configurations.at(core.commit);
  // A node that is being rebuilt may have entries, and not know yet whose they are.
  const isKnown = configuration.voters.length > 0;
  return !isKnown || membersOf(configuration).includes(asker) ? asIndex(0) : index;
}

/** One vote a voter counts, the first; the election is then won, lost, or still open (Raft §5.2). */
export function onVoteReply(core: CoreState, message: VoteReply): void {
  if (message.granted) core.present.add(message.from);
  const expectedRole = message.preVote ? 'pre-candidate' : 'candidate';
  if (core.role !== expectedRole) return;
  const expectedTerm = message.preVote && message.granted ? nextTerm(core.term) : core.term;
  if (message.term !== expectedTerm) return;
  if (!core.votes.has(message.from)) core.votes.set(message.from, message.granted);
  const result = tally(core);
  if (result === 'lost') {
    core.votes.clear();
    core.changeRole('follower', undefined);
  } else if (result === 'won') {
    if (message.preVote) becomeCandidate(core);
    else becomeLeader(core);
  }
}

/**
 * A configuration without this node is committed, and it knows of none behind that with it. What is committed stays so, whatever the term of the
 * node that reports it: a node that was removed as well may still be in an old term.
 */
export function noticeRemoval(core: CoreState, { granted, removedBy }: VoteReply): void {
  if (granted || removedBy === 0 || core.isRemoved || core.role === 'leader') return;
  if (core.configurations.latestAfter(removedBy, (configuration) => membersOf(configuration).includes(core.id)) !== undefined) return;
  core.isRemoved = true;
  core.effects.notices.push({ type: 'removed', by: removedBy });
  becomeFollower(core, core.term, undefined);
}
