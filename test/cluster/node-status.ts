import type { NodeStatus } from '../../src/protocol/client-frame.ts';

/** GetStatus of a leader of three nodes, with what a test changes of it. */
export const aNodeStatus = (parts: Partial<NodeStatus>): NodeStatus => ({
  node: 1,
  state: 'leader',
  term: 1,
  votedFor: 1,
  leaderId: 1,
  commit: 1,
  applied: 1,
  firstIndex: 1,
  lastIndex: 1,
  lastTerm: 1,
  voters: [1, 2, 3],
  outgoing: [],
  learners: [],
  joining: [],
  leaving: [],
  isSettled: true,
  isRemoved: false,
  ...parts,
});
