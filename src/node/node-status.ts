import type { LogIndex } from '../base/ids.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import { isJoint } from '../raft/membership.ts';
import type { CoreView } from '../raft/raft-core.ts';

/** The reply to GetStatus, from the core's current state. */
export function nodeStatus(view: CoreView, applied: LogIndex): NodeStatus {
  const { configuration } = view;
  const { voters, outgoing, learners, joining, leaving } = configuration;
  return {
    node: view.id,
    state: view.role,
    term: view.term,
    votedFor: view.votedFor ?? null,
    leaderId: view.leader ?? null,
    commit: view.commit,
    applied,
    firstIndex: view.log.firstIndex,
    lastIndex: view.log.lastIndex,
    lastTerm: view.log.last.term,
    voters,
    outgoing,
    learners,
    joining,
    leaving,
    isSettled: view.areMembersCommitted && !isJoint(configuration),
    isRemoved: view.isRemoved,
  };
}
