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

/**
 * How many times longer than the first timeout a round of votes may take when the leader is known to be lost: it includes the network and
 * disk writes.
 */
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

/** Whether this node is a voter, with its recorded disk, and has not learned of its removal. */
const canCampaign = (core: CoreState): boolean =>
  !core.isRemoved && isVoter(votersOf(core), core.id) && isVotersState(votersOf(core), core.id, core);

/**
 * The configuration that decides whether this node may start an election. A node that is not in the latest one may start one until that
 * configuration is known to be committed: perhaps no other node has its entry, and no other node can be elected (thesis §4.2.2, Figure
 * 4.6).
 */
function votersOf({ configurations, commit, id }: CoreState): Configuration {
  const placed = configurations.latestAfter(commit, (configuration) => isVoter(configuration, id)) ?? configurations.at(commit);
  return placed.configuration;
}

/** TimeoutNow (thesis §3.10): the leader of this term wants this node to lead. It campaigns at once, without a pre-vote. */
export function onTimeoutNow(core: CoreState, message: TimeoutNow): void {
  if (core.role === 'leader' || core.leader !== message.from || !canCampaign(core)) return;
  becomeCandidate(core, true);
}

/**
 * Asks whether an election can be won before it raises the term (thesis §9.6): a node that was cut off then rejoins
 * without raising the term of all others.
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

/** Raises the term, votes for itself and requests votes from all voters (Raft §5.2). */
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
    // A pre-vote promises nothing. A RequestVote is sent only once this node's own vote is on disk: otherwise a crash could
    // let it vote for another node in a term in which it is a candidate.
    if (kind.preVote) core.send(request);
    else core.sendAfterPersist(request);
  }
}

const tally = (core: CoreState) => voteResult(core.configuration, (voter) => core.votes.get(voter));

/**
 * Whether vote requests are rejected because a leader is active. The term of a rejected request is not adopted, so a node with partial
 * connectivity cannot depose a working leader (thesis §4.2.3, §6.4).
 */
export function isLeaderSticky(core: CoreState): boolean {
  if (core.role === 'leader') return true;
  const hasRecentContact = core.now - core.leaderContactMs < core.config.electionTimeoutMs;
  // A lease depends on every promise for its full duration, even if the leader is gone.
  if (core.config.leaseMs > 0) return hasRecentContact;
  return hasRecentContact && core.leader !== undefined;
}

/** RequestVote of the current term, or a pre-vote of any term not below it. */
export function onRequestVote(core: CoreState, message: RequestVote): void {
  core.noticeRecord(message.voterDisk, message.voterGeneration);
  if (core.effects.rolledBack !== undefined) return;
  const isFree = core.votedFor === message.from || (core.votedFor === undefined && core.leader === undefined);
  const mayVote = message.preVote ? message.term > core.term || isFree : isFree;
  // A node with a new disk has lost its votes: it must not vote until it is re-added as a voter with that disk.
  const isKnownDisk = message.voterDisk === ANY_DISK || core.disk === ANY_DISK || message.voterDisk === core.disk;
  const granted = mayVote && isKnownDisk && isUpToDate(message.last, core.log.last); // Raft §5.4.1
  const reply: VoteReply = {
    type: 'vote-reply',
    from: core.id,
    to: message.from,
    // A granted pre-vote carries the requested term; a rejection carries this node's current term.
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

/** Which of two nodes continues when both request pre-votes at the same time and both logs allow it; both nodes come to the same result. */
const winsTie = (core: CoreState, rival: RequestVote): boolean => !isUpToDate(core.log.last, rival.last) || rival.from < core.id;

/**
 * Otherwise both would become candidates, each with its own vote, and neither would win that term. This happened in one in ten elections
 * after a killed leader in a cluster of three, and those were the slow ones (measured: 73 to 776 ms where the others took 15 to 50).
 */
function yieldPreVote(core: CoreState): void {
  core.votes.clear();
  core.changeRole('follower', undefined);
  core.resetElectionTimer(ROUND_TRIP_SCALE);
}

/**
 * The index of the committed configuration that no longer includes the sender, or zero. A node that was removed while it was away learns it
 * from the rejection, and stops campaigning.
 */
export function removalOf(core: CoreState, asker: NodeId): LogIndex {
  const { index, configuration } = core.configurations.at(core.commit);
  // A node that is being rebuilt may have entries without knowing the configuration they belong to.
  const isKnown = configuration.voters.length > 0;
  return !isKnown || membersOf(configuration).includes(asker) ? asIndex(0) : index;
}

/** Counts the first reply of each voter; the election is then won, lost, or still open (Raft §5.2). */
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
 * A configuration without this node is committed, and this node knows of no later one that includes it. What is committed stays committed,
 * whatever the term of the node that reports it: a node that was removed as well may still be in an old term.
 */
export function noticeRemoval(core: CoreState, { granted, removedBy }: VoteReply): void {
  if (granted || removedBy === 0 || core.isRemoved || core.role === 'leader') return;
  if (core.configurations.latestAfter(removedBy, (configuration) => membersOf(configuration).includes(core.id)) !== undefined) return;
  core.isRemoved = true;
  core.effects.notices.push({ type: 'removed', by: removedBy });
  becomeFollower(core, core.term, undefined);
}
