/** A fault and its time, in simulated milliseconds from the start. Node numbers are ids. */
export type Fault = { readonly atMs: number } & (
  | { readonly type: 'crash'; readonly node: number; readonly downMs: number; readonly isNoticed: boolean }
  /** The write that begins next fails, and with it the node; whether its bytes are on disk is unknown before the restart. */
  | { readonly type: 'fail-write'; readonly node: number; readonly survives: boolean; readonly isFull: boolean; readonly downMs: number }
  | { readonly type: 'stall'; readonly node: number; readonly durationMs: number }
  | { readonly type: 'pause'; readonly node: number; readonly durationMs: number }
  | { readonly type: 'flip'; readonly node: number; readonly pick: number; readonly bit: number; readonly downMs: number }
  | { readonly type: 'lose-disk'; readonly node: number; readonly downMs: number }
  /** An operator wants a node rebuilt, regardless of other faults: its disk is discarded only if the leader permits it. */
  | { readonly type: 'repair'; readonly node: number; readonly downMs: number }
  /** The disk of a node is replaced by a copy of it that was taken while the node ran, once the others know of a later generation. */
  | { readonly type: 'roll-back'; readonly node: number; readonly afterMs: number; readonly downMs: number }
  /**
   * The same, while a replaced leader still believes that it leads: it has recorded what another voter acknowledged before, and reaches
   * only the restored node. In clusters of four or more.
   */
  | { readonly type: 'late-acknowledgement'; readonly node: number; readonly downMs: number }
  /** A node restarts twice within a second, and in its second life receives the replies to the queries of its first one. */
  | { readonly type: 'earlier-life'; readonly node: number; readonly silentMs: number }
  | { readonly type: 'partition'; readonly group: readonly number[]; readonly durationMs: number }
  /** Messages from one node to the other are lost; those in the other direction arrive. */
  | { readonly type: 'one-way'; readonly from: number; readonly to: number; readonly durationMs: number }
  /** A channel closes and is opened again; frames in transit are lost. */
  | { readonly type: 'channel'; readonly node: number; readonly peer: number }
  /** Node 0 means the current leader. */
  | { readonly type: 'wall-clock'; readonly node: number; readonly jumpMs: number }
  /** All nodes stop for a while, as on a suspended machine; afterwards every clock has counted the time. */
  | { readonly type: 'suspend'; readonly durationMs: number }
  /** More clients than the state's session limit open sessions: the longest idle sessions are evicted. */
  | { readonly type: 'crowd' }
  /** A client's process ends: nodes notice it by the end of its channels. Another process replaces it. */
  | { readonly type: 'hang-up'; readonly client: number }
  | { readonly type: 'transfer'; readonly to: number }
  /**
   * A majority of the voters is to be removed; as soon as that is in the leader's log, they are cut off from the others, and the leader
   * crashes: the old members and the new ones could each elect a leader, if they did not need each other's votes.
   */
  | { readonly type: 'split-change'; readonly durationMs: number; readonly downMs: number }
  /**
   * A leader and one follower are cut off from the others, and what they wrote in that time is overwritten. The leader soon leads again,
   * while that follower lags behind, and gets the old acknowledgements once more.
   */
  | { readonly type: 're-elected-leader'; readonly durationMs: number }
  /** A node that becomes leader in this time, or restarts, receives again all messages that were sent to it before. */
  | { readonly type: 'replay'; readonly durationMs: number }
  /** The leader receives nothing for a while, and continues to send; its messages are lost if its outbound is dropped, too. */
  | { readonly type: 'isolate-leader-inbound'; readonly durationMs: number; readonly isOutboundToo: boolean }
  /** The leader is cut off while its event loop is stopped, and finds only clients' packets when it resumes. */
  | { readonly type: 'paused-leader'; readonly durationMs: number }
  /** A leader transfers its leadership, and then receives nothing for a while: it does not know the new leader. */
  | { readonly type: 'isolate-transferring-leader'; readonly durationMs: number }
  | { readonly type: 'change'; readonly add: readonly number[]; readonly remove: readonly number[]; readonly learners: readonly number[] }
);

export type FaultType = Fault['type'];
export const FAULT_TYPES: readonly FaultType[] = [
  'crash',
  'fail-write',
  'stall',
  'pause',
  'flip',
  'lose-disk',
  'repair',
  'roll-back',
  'late-acknowledgement',
  'earlier-life',
  'partition',
  'one-way',
  'channel',
  'wall-clock',
  'suspend',
  'crowd',
  'hang-up',
  'transfer',
  'split-change',
  're-elected-leader',
  'replay',
  'isolate-leader-inbound',
  'paused-leader',
  'isolate-transferring-leader',
  'change',
];
