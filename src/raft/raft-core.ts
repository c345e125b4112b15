import { asIndex, type NodeId } from '../base/ids.ts';
import { assertNever, invariant } from '../base/invariant.ts';
import { onAway } from './absence.ts';
import type { Effects, RaftEvent } from './effects.ts';
import { emptyEffects } from './effects.ts';
import { isLeaderSticky, noticeRemoval, onElectionTimeout, onRequestVote, onTimeoutNow, onVoteReply, removalOf } from './election.ts';
import { onAppend, onCompacted, onInstallSnapshot, onLeaderLost, onLeaderless, onSnapshotInstalled } from './follower.ts';
import {
  onAppendAccepted,
  onAppendRejected,
  onFollowerLost,
  onLeaderDeadline,
  onOwnPersisted,
  onPropose,
  onSnapshotReply,
} from './leader.ts';
import type { LeaderState } from './leader-state.ts';
import type { AppendAccepted, AppendRejected, RaftMessage, SnapshotReply } from './message.ts';
import { checkPointers } from './pointer-chain.ts';
import { onRead } from './reads.ts';
import { onRebuildQuestion } from './rebuild.ts';
import { onChangeMembership } from './reconfiguration.ts';
import { sendDueHeartbeats } from './replication.ts';
import { becomeFollower } from './role.ts';
import type { RaftBoot } from './shared-state.ts';
import { SharedState } from './shared-state.ts';
import { onTransfer } from './transfer.ts';

const NO_NODES: ReadonlySet<NodeId> = new Set();

/** A read-only view of a core, for status and tests. */
export type CoreView = Readonly<
  Pick<
    SharedState,
    | 'id'
    | 'disk'
    | 'term'
    | 'votedFor'
    | 'role'
    | 'leader'
    | 'leaderCommit'
    | 'commit'
    | 'configuration'
    | 'configurations'
    | 'areMembersCommitted'
    | 'log'
    | 'isRemoved'
    | 'electionTimer'
  >
> & {
  /** Undefined while the node does not lead. */
  readonly leading: Readonly<Pick<LeaderState, 'progress' | 'transfer' | 'uncommittedBytes'>> | undefined;
};

type Request = Extract<RaftEvent, { readonly type: 'propose' | 'change-membership' | 'transfer-leadership' | 'read' | 'rebuild' }>;

/**
 * The consensus algorithm: events in, effects out. The same boot and the same events always give the same effects.
 * It has no clock, randomness or I/O.
 */
export class RaftCore {
  readonly #core: SharedState;

  constructor(boot: RaftBoot) {
    this.#core = new SharedState(boot);
    checkPointers(this.#core);
  }

  get view(): CoreView {
    return this.#core;
  }

  /** When the next `deadline` event is due, monotonic ms. */
  get nextDeadlineMs(): number {
    const { state } = this.#core;
    return state.role === 'leader' ? state.heartbeatDueMs : state.timer.dueMs;
  }

  step(event: RaftEvent): Effects {
    const core = this.#core;
    invariant(event.now >= core.now, () => `time went back from ${core.now} to ${event.now}`);
    core.now = event.now;
    const effects = emptyEffects();
    core.effects = effects;
    switch (event.type) {
      case 'message':
        this.#onMessage(event.message);
        break;
      case 'propose':
      case 'change-membership':
      case 'transfer-leadership':
      case 'read':
      case 'rebuild':
        this.#onRequest(event);
        break;
      case 'persisted':
        core.log.markPersisted(event.upTo);
        if (core.state.role === 'leader') onOwnPersisted(core, core.state);
        break;
      case 'generation':
        core.generation = event.generation;
        break;
      case 'deadline':
        this.#onDeadline(event.readMs ?? event.now, event.unread ?? NO_NODES);
        break;
      case 'away':
        onAway(core, event.durationMs);
        break;
      case 'heartbeat':
        if (core.state.role === 'leader') sendDueHeartbeats(core, core.state);
        break;
      case 'peer-lost':
        this.#onPeerLost(event.peer);
        break;
      case 'leaderless':
        if (core.state.role === 'follower') onLeaderless(core, core.state);
        break;
      case 'compacted':
        onCompacted(core, event.upTo);
        break;
      case 'snapshot-installed':
        onSnapshotInstalled(core, event.snapshot);
        break;
      default:
        assertNever(event);
    }
    checkPointers(core);
    return effects;
  }

  /** Only a leader accepts requests: "the leader handles all client requests" (Raft §5.1). */
  #onRequest(event: Request): void {
    const core = this.#core;
    const { state } = core;
    if (state.role !== 'leader') {
      core.effects.rejected = { reason: 'not-leader', leader: core.leader };
      return;
    }
    switch (event.type) {
      case 'propose':
        return onPropose(core, state, event.data);
      case 'change-membership':
        return onChangeMembership(core, state, event.change, event.isRepeated ?? false);
      case 'transfer-leadership':
        return onTransfer(core, state, event.to);
      case 'read':
        return onRead(core, state, event.batch, event.lease);
      case 'rebuild':
        return onRebuildQuestion(core, state, event);
      default:
        return assertNever(event);
    }
  }

  #onDeadline(readMs: number, unread: ReadonlySet<NodeId>): void {
    const core = this.#core;
    const { state } = core;
    if (state.role === 'leader') {
      if (core.now >= state.heartbeatDueMs) onLeaderDeadline(core, state, readMs, unread);
    } else if (readMs >= state.timer.dueMs) onElectionTimeout(core, state.timer);
  }

  #onPeerLost(peer: NodeId): void {
    const core = this.#core;
    const { state } = core;
    core.present.delete(peer);
    if (state.role === 'leader') onFollowerLost(core, state, peer);
    else if (state.role === 'follower' && state.leader === peer) onLeaderLost(core, state);
  }

  #onMessage(message: RaftMessage): void {
    const core = this.#core;
    invariant(message.to === core.id, () => `a message to node ${message.to} reached node ${core.id}`);
    const isElection = message.type === 'request-vote' && !message.transfer;
    if (isElection && message.term >= core.term && message.from !== core.leader && isLeaderSticky(core)) {
      this.#rejectStale(message);
      return;
    }
    if (message.type === 'vote-reply') noticeRemoval(core, message);
    if (message.term > core.term && !mayCarryLaterTerm(message)) {
      // "If one server's current term is smaller than the other's, then it updates its current term to the larger value" (Raft §5.1).
      const isFromLeader = message.type === 'append' || message.type === 'install-snapshot';
      becomeFollower(core, message.term, isFromLeader ? message.from : undefined);
    } else if (message.term < core.term) {
      // "If a server receives a request with a stale term number, it rejects the request" (Raft §5.1).
      this.#rejectStale(message);
      return;
    }
    this.#onCurrent(message);
  }

  #onCurrent(message: RaftMessage): void {
    const core = this.#core;
    switch (message.type) {
      case 'request-vote':
        return onRequestVote(core, message);
      case 'vote-reply':
        return onVoteReply(core, message);
      case 'append':
        return onAppend(core, message);
      case 'install-snapshot':
        return onInstallSnapshot(core, message);
      case 'timeout-now':
        return onTimeoutNow(core, message);
      case 'append-accepted':
      case 'append-rejected':
      case 'snapshot-reply':
        return core.state.role === 'leader' ? this.#onReply(core.state, message) : undefined;
      default:
        return assertNever(message);
    }
  }

  #onReply(leader: LeaderState, message: AppendAccepted | AppendRejected | SnapshotReply): void {
    if (message.type === 'append-accepted') onAppendAccepted(this.#core, leader, message);
    else if (message.type === 'append-rejected') onAppendRejected(this.#core, leader, message);
    else onSnapshotReply(this.#core, leader, message);
  }

  /**
   * Stale requests get a reply with this node's term, so that a stale leader or candidate learns it and steps
   * down; stale replies are dropped.
   */
  #rejectStale(message: RaftMessage): void {
    const core = this.#core;
    const envelope = { from: core.id, to: message.from, term: core.term };
    if (message.type === 'request-vote') {
      const removedBy = removalOf(core, message.from);
      core.sendAfterPersist({ ...envelope, type: 'vote-reply', preVote: message.preVote, granted: false, removedBy });
    } else if (message.type === 'append' || message.type === 'install-snapshot') {
      const rejected = message.type === 'append' ? message.prev.index : asIndex(0);
      core.sendAfterPersist({
        ...envelope,
        type: 'append-rejected',
        round: 0,
        disk: core.disk,
        generation: core.generation,
        rejected,
        hint: core.log.last,
      });
    }
  }
}

/** Pre-vote requests and granted pre-votes carry a term that no node has reached yet; it is not adopted. */
const mayCarryLaterTerm = (message: RaftMessage): boolean =>
  (message.type === 'request-vote' && message.preVote) || (message.type === 'vote-reply' && message.preVote && message.granted);
