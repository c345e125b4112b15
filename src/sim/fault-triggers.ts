/** A change of members in which the old and the new ones cannot reach each other. */
export interface Split {
  /** The members to remove. */
  readonly group: readonly number[];
  readonly durationMs: number;
  readonly downMs: number;
}

/** Faults that wait for an event of a node. */
export class FaultTriggers {
  /** Called as soon as a leader has a joint configuration. */
  splitOnJoint: Split | undefined;
  /** The next leader that transfers its leadership receives nothing for this long. */
  dropInboundOnTransferMs: number | undefined;
  /** Until then a new leader or a restarted node receives old messages again. */
  replayUntilMs = 0;
  /** Queries reach this node, whichever one the client sent them to. */
  readsAt: number | undefined;

  /** Prevents further faults. */
  cancel(): void {
    this.dropInboundOnTransferMs = undefined;
    this.splitOnJoint = undefined;
    this.readsAt = undefined;
  }
}
