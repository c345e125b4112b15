import { asIndex, type NodeId } from '../base/ids.ts';
import { assertNever, invariant } from '../base/invariant.ts';
import { onAway } from './absence.ts';
import type { RaftBoot } from './core-state.ts';
import { CoreState } from './core-state.ts';
import type { Effects, RaftEvent } from './effects.ts';
import { emptyEffects } from './effects.ts';
import { isLeaderSticky, noticeRemoval, onElectionTimeout, onRequestVote, onTimeoutNow, onVoteReply, removalOf } from './election.ts';
import { onAppend, onCompacted, onInstallSnapshot, onLeaderLost, onSnapshotInstalled } from './follower.ts';
import {
  onAppendAccepted,
  onAppendRejected,
  onFollowerLost,
  onLeaderDeadline,
  onOwnPersisted,
  onPropose,
  onSnapshotReply,
} from './leader.ts';
import type { RaftMessage } from './message.ts';
import { onRead } from './reads.ts';
import { onRebuildQuestion } from './rebuild.ts';
import { onChangeMembership } from './reconfiguration.ts';
import { sendDueHeartbeats } from './replication.ts';
import { becomeFollower } from './role.ts';
import { onTransfer } from './transfer.ts';

const NO_NODES: ReadonlySet<NodeId> = new Set();

/** A read-only view of a core, for status and tests. */
export type CoreView = Readonly<
  Pick<
    CoreState,
    | 'id'
    | 'disk'
    | 'term'
    | 'votedFor'
    | 'role'
    | 'leader'
    | 'commit'
    | 'configuration'
    | 'configurations'
    | 'areMembersCommitted'
    | 'log'
    | 'progress'
    | 'transfer'
    | 'isRemoved'
    | 'uncommittedBytes'
    | 'electionDueMs'
  >
>;

/**
 * The consensus algorithm: events in, effects out. The same boot and the same events always give the same effects.
 * It has no clock, randomness or I/O.
 */
export class RaftCore {
  readonly #core: CoreState;

  constructor(boot: RaftBoot) {
    this.#core = new CoreState(boot);
  }

  get view(): CoreView {
    return this.#core;
  }

  /** When the next `deadline` event is due, monotonic ms. */
  get nextDeadlineMs(): number {
    return this.#core.role === 'leader' ? this.#core.heartbeatDueMs : this.#core.electionDueMs;
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
        onPropose(core, event.data);
        break;
      case 'persisted':
        core.log.markPersisted(event.upTo);
        if (core.role === 'leader') onOwnPersisted(core);
        break;
      case 'change-membership':
        onChangeMembership(core, event.change, event.isRepeated ?? false);
        break;
      case 'transfer-leadership':
        onTransfer(core, event.to);
        break;
      case 'read':
        onRead(core, event.batch, event.lease);
        break;
      case 'generation':
        core.generation = event.generation;
        break;
      case 'rebuild':
        onRebuildQuestion(core, event);
        break;
      case 'deadline':
        this.#onDeadline(event.readMs ?? event.now, event.unread ?? NO_NODES);
        break;
      case 'away':
        onAway(core, event.durationMs);
        break;
      case 'heartbeat':
        if (core.role === 'leader') sendDueHeartbeats(core);
        break;
      case 'peer-lost':
        core.present.delete(event.peer);
        if (core.role === 'leader') onFollowerLost(core, event.peer);
        else if (core.leader === event.peer) onLeaderLost(core);
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
    invariant(core.commit <= core.log.lastIndex, () => `commit ${core.commit} is past the log's end, ${core.log.lastIndex}`);
    return effects;
  }

  #onDeadline(readMs: number, unread: ReadonlySet<NodeId>): void {
    if (this.#core.role === 'leader') {
      if (this.#core.now >= this.nextDeadlineMs) onLeaderDeadline(this.#core, readMs, unread);
    } else if (readMs >= this.nextDeadlineMs) onElectionTimeout(this.#core);
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
      // Newer terms first (Raft §5.1).
      const isFromLeader = message.type === 'append' || message.type === 'install-snapshot';
      becomeFollower(core, message.term, isFromLeader ? message.from : undefined);
    } else if (message.term < core.term) {
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
      case 'append-accepted':
        return core.role === 'leader' ? onAppendAccepted(core, message) : undefined;
      case 'append-rejected':
        return core.role === 'leader' ? onAppendRejected(core, message) : undefined;
      case 'install-snapshot':
        return onInstallSnapshot(core, message);
      case 'snapshot-reply':
        return core.role === 'leader' ? onSnapshotReply(core, message) : undefined;
      case 'timeout-now':
        return onTimeoutNow(core, message);
      default:
        return assertNever(message);
    }
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
