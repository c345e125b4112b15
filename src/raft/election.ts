import type { LogIndex, NodeId, Term } from '../base/ids.ts';
import { ANY_DISK, asDiskId, asIndex, nextTerm } from '../base/ids.ts';
import { CandidateState } from './candidate-state.ts';
import type { ElectionTimer } from './election-timer.ts';
import type { Configuration } from './entry.ts';
import { isUpToDate } from './entry.ts';
import { FollowerState } from './follower-state.ts';
import { becomeLeader } from './leader.ts';
import { diskOf, generationOf, isVotersState } from './membership.ts';
import type { RequestVote, TimeoutNow, VoteReply } from './message.ts';
import { isVoter, membersOf, voteResult } from './quorum.ts';
import { becomeFollower } from './role.ts';
import type { SharedState } from './shared-state.ts';

/**
 * How many times longer than the first timeout a round of votes may take when the leader is known to be lost: it includes the network and
 * disk writes.
 */
const ROUND_TRIP_SCALE = 4;

/** The election timeout passed. */
export function onElectionTimeout(core: SharedState, timer: ElectionTimer): void {
  if (!canCampaign(core)) {
    timer.reset(core.now);
    return;
  }
  core.effects.notices.push({ type: 'election-timeout', term: core.term });
  if (!core.electionRules.preVote) {
    becomeCandidate(core, timer);
    return;
  }
  becomePreCandidate(core, timer);
}

/** Whether this node is a voter, with its recorded disk, and has not learned of its removal. */
const canCampaign = (core: SharedState): boolean =>
  !core.isRemoved && isVoter(votersOf(core), core.id) && isVotersState(votersOf(core), core.id, core);

/**
 * The configuration that decides whether this node may start an election. A node that is not in the latest one may start one until that
 * configuration is known to be committed: perhaps no other node has its entry, and no other node can be elected (thesis §4.2.2, Figure
 * 4.6).
 */
function votersOf({ configurations, commit, id }: SharedState): Configuration {
  const placed = configurations.latestAfter(commit, (configuration) => isVoter(configuration, id)) ?? configurations.at(commit);
  return placed.configuration;
}

/** TimeoutNow (thesis §3.10): the leader of this term wants this node to lead. It campaigns at once, without a pre-vote. */
export function onTimeoutNow(core: SharedState, message: TimeoutNow): void {
  const { state } = core;
  if (state.role !== 'follower' || state.leader !== message.from || !canCampaign(core)) return;
  becomeCandidate(core, state.timer, true);
}

/**
 * Asks whether an election can be won before it raises the term (thesis §9.6): a node that was cut off then rejoins
 * without raising the term of all others.
 */
function becomePreCandidate(core: SharedState, timer: ElectionTimer): void {
  const candidate = new CandidateState('pre-candidate', timer, core.id);
  core.present.clear();
  core.become(candidate);
  if (timer.isLeaderLost) timer.fastRounds += 1;
  timer.reset(core.now, ROUND_TRIP_SCALE);
  if (tally(core, candidate) === 'won') {
    becomeCandidate(core, timer);
    return;
  }
  askForVotes(core, nextTerm(core.term), { preVote: true, transfer: false });
}

/** Raises the term, votes for itself and requests votes from all voters (Raft §5.2). */
function becomeCandidate(core: SharedState, timer: ElectionTimer, transfer = false): void {
  const candidate = new CandidateState('candidate', timer, core.id);
  core.setHardState(nextTerm(core.term), core.id);
  core.become(candidate);
  timer.reset(core.now, ROUND_TRIP_SCALE);
  if (tally(core, candidate) === 'won') {
    becomeLeader(core);
    return;
  }
  askForVotes(core, core.term, { preVote: false, transfer });
}

function askForVotes(core: SharedState, term: Term, kind: Pick<RequestVote, 'preVote' | 'transfer'>): void {
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

/** "A candidate wins an election if it receives votes from a majority of the servers in the full cluster for the same term" (Raft §5.2). */
const tally = (core: SharedState, { votes }: CandidateState) => voteResult(core.configuration, (voter) => votes.get(voter));

/**
 * Whether vote requests are rejected because a leader is active. The term of a rejected request is not adopted, so a node with partial
 * connectivity cannot depose a working leader (thesis §4.2.3, §6.4).
 */
export function isLeaderSticky(core: SharedState): boolean {
  if (core.role === 'leader') return true;
  const hasRecentContact = core.now - core.leaderContactMs < core.config.electionTimeoutMs;
  // A lease depends on every promise for its full duration, even if the leader is gone.
  if (core.config.leaseMs > 0) return hasRecentContact;
  return hasRecentContact && core.leader !== undefined;
}

/** RequestVote of the current term, or a pre-vote of any term not below it. */
export function onRequestVote(core: SharedState, message: RequestVote): void {
  core.noticeRecord(message.voterDisk, message.voterGeneration);
  if (core.effects.rolledBack !== undefined) return;
  // "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis" (Raft §5.2).
  const isFree = core.votedFor === message.from || (core.votedFor === undefined && core.leader === undefined);
  const mayVote = message.preVote ? message.term > core.term || isFree : isFree;
  // A node with a new disk has lost its votes: it must not vote until it is re-added as a voter with that disk.
  const isKnownDisk = message.voterDisk === ANY_DISK || core.disk === ANY_DISK || message.voterDisk === core.disk;
  // "The voter denies its vote if its own log is more up-to-date than that of the candidate" (Raft §5.4.1).
  const granted = mayVote && isKnownDisk && isUpToDate(message.last, core.log.last);
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
    core.electionTimer?.reset(core.now);
  }
  core.sendAfterPersist(reply);
  const { state } = core;
  if (granted && message.preVote && state.role === 'pre-candidate' && winsTie(core, message)) yieldPreVote(core, state);
}

/** Which of two nodes continues when both request pre-votes at the same time and both logs allow it; both nodes come to the same result. */
const winsTie = (core: SharedState, rival: RequestVote): boolean =>
  core.electionRules.tieBreak && (!isUpToDate(core.log.last, rival.last) || rival.from < core.id);

/**
 * Otherwise both would become candidates, each with its own vote, and neither would win that term. This happened in one in ten elections
 * after a killed leader in a cluster of three, and those were the slow ones (measured: 73 to 776 ms where the others took 15 to 50).
 */
function yieldPreVote(core: SharedState, { timer }: CandidateState): void {
  core.become(new FollowerState(timer, undefined, false));
  timer.reset(core.now, ROUND_TRIP_SCALE);
}

/**
 * The index of the committed configuration that no longer includes the sender, or zero. A node that was removed while it was away learns it
 * from the rejection, and stops campaigning.
 */
export function removalOf(core: SharedState, asker: NodeId): LogIndex {
  const { index, configuration } = core.configurations.at(core.commit);
  // A node that is being rebuilt may have entries without knowing the configuration they belong to.
  const isKnown = configuration.voters.length > 0;
  return !isKnown || membersOf(configuration).includes(asker) ? asIndex(0) : index;
}

/** Counts the first reply of each voter; the election is then won, lost, or still open (Raft §5.2). */
export function onVoteReply(core: SharedState, message: VoteReply): void {
  if (message.granted) core.present.add(message.from);
  const { state } = core;
  if (state.role !== (message.preVote ? 'pre-candidate' : 'candidate')) return;
  const expectedTerm = message.preVote && message.granted ? nextTerm(core.term) : core.term;
  if (message.term !== expectedTerm) return;
  if (!state.votes.has(message.from)) state.votes.set(message.from, message.granted);
  const result = tally(core, state);
  if (result === 'lost') core.become(new FollowerState(state.timer, undefined, false));
  else if (result === 'won') {
    if (message.preVote) becomeCandidate(core, state.timer);
    else becomeLeader(core);
  }
}

/**
 * A configuration without this node is committed, and this node knows of no later one that includes it. What is committed stays committed,
 * whatever the term of the node that reports it: a node that was removed as well may still be in an old term.
 */
export function noticeRemoval(core: SharedState, { granted, removedBy }: VoteReply): void {
  if (granted || removedBy === 0 || core.isRemoved || core.role === 'leader') return;
  if (core.configurations.latestAfter(removedBy, (configuration) => membersOf(configuration).includes(core.id)) !== undefined) return;
  core.effects.notices.push({ type: 'removed', by: removedBy });
  const follower = becomeFollower(core, core.term, undefined);
  follower.isRemoved = true;
}
