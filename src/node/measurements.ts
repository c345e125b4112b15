import type { LogIndex } from '../base/ids.ts';
import type { Role } from '../raft/notice.ts';
import type { ProgressState } from '../raft/progress.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { NodeCounters, NodeDetails, NodeMetrics } from './node-metrics.ts';

/** A leader's view of one follower. */
export interface PeerMeasurement {
  readonly peer: number;
  readonly state: ProgressState;
  /** Entries of the leader's log that the follower has not acknowledged. */
  readonly lagEntries: number;
  /** Since its last message in this term. */
  readonly silentMs: number;
}

/** A node at one moment, for metrics. */
export interface NodeMeasurements {
  readonly role: Role;
  readonly term: number;
  /** 0 while the node receives from no leader. */
  readonly leader: number;
  readonly isReady: boolean;
  /** It leads and has applied an entry of its own term: it has everything that was ever acknowledged. */
  readonly isCurrentLeader: boolean;
  readonly first: number;
  readonly last: number;
  readonly commit: number;
  readonly applied: number;
  /** What the leader has committed and this node has not applied; undefined while that is unknown. */
  readonly applyLag: number | undefined;
  readonly isVoter: boolean;
  readonly voters: number;
  readonly learners: number;
  readonly uncommittedBytes: number;
  /** Of a leader; empty otherwise. */
  readonly peers: readonly PeerMeasurement[];
  readonly counters: NodeCounters;
  readonly details: NodeDetails;
}

export interface MeasuredNode {
  readonly view: CoreView;
  readonly applied: LogIndex;
  readonly metrics: NodeMetrics;
}

/**
 * What a node has to have applied in order to be ready: what the leader that it follows had committed. A leader is ready once it has
 * committed an entry of its own term, before which it does not know what is committed (Raft §8).
 * @returns undefined while the node receives from no leader, or has no commit index of that leader yet.
 */
export function indexToApply({ role, leader, leaderCommit, term, commit, log }: CoreView): LogIndex | undefined {
  if (leader === undefined) return undefined;
  return role === 'leader' && log.termAt(commit) !== term ? undefined : leaderCommit;
}

/** @param nowMs of the node's monotonic clock. */
export function measureNode({ view, applied, metrics }: MeasuredNode, nowMs: number): NodeMeasurements {
  const { id, role, term, leader, log, commit, configuration, leading } = view;
  const target = indexToApply(view);
  const progress = [...(leading?.progress ?? [])];
  return {
    role,
    term,
    leader: leader ?? 0,
    isReady: target !== undefined && applied >= target,
    isCurrentLeader: role === 'leader' && log.termAt(applied) === term,
    first: log.firstIndex,
    last: log.lastIndex,
    commit,
    applied,
    applyLag: target === undefined ? undefined : Math.max(0, target - applied),
    isVoter: configuration.voters.includes(id),
    voters: configuration.voters.length,
    learners: configuration.learners.length + configuration.joining.length,
    uncommittedBytes: leading?.uncommittedBytes ?? 0,
    peers: progress.map(([peer, { state, match, lastContactMs }]) => ({
      ...{ peer, state, lagEntries: log.lastIndex - match, silentMs: Math.max(0, nowMs - lastContactMs) },
    })),
    counters: metrics.snapshot(),
    details: metrics.details(),
  };
}
