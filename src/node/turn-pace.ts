/**
 * How a node's turns use its time. Sizes are fractions of a heartbeat interval: the processor may be shared with many others, so a turn
 * that needs a few milliseconds may take hundreds.
 */
export class TurnPace {
  readonly #heartbeatMs: number;
  #beganMs: number;
  #partMs: number;
  #endedMs: number;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(heartbeatMs: number, nowMs: number) {
    this.#heartbeatMs = heartbeatMs;
    this.#beganMs = nowMs;
    this.#partMs = nowMs;
    this.#endedMs = nowMs;
  }

  /** When the current or last turn began: nothing that arrived since has been read. */
  get beganMs(): number {
    return this.#beganMs;
  }

  /**
   * A turn begins.
   * @returns for how many ms the node read nothing since the previous one, that one included; zero where it is negligible.
   */
  onTurn(nowMs: number): number {
    const lateMs = Math.max(0, nowMs - Math.max(this.#endedMs, this.#dueMs));
    const awayMs = this.#endedMs - this.#beganMs + lateMs;
    this.#beganMs = nowMs;
    this.#partMs = nowMs;
    return awayMs < this.#heartbeatMs / 8 ? 0 : awayMs;
  }

  /** @returns whether the turn takes so long that pending messages should be sent now; then the next part begins. */
  isPartOver(nowMs: number): boolean {
    if (nowMs - this.#partMs < this.#heartbeatMs / 4) return false;
    this.#partMs = nowMs;
    return true;
  }

  /** @param dueMs when the next turn should begin if nothing arrives. @returns the same. */
  onTurnEnd(nowMs: number, dueMs: number): number {
    this.#endedMs = nowMs;
    this.#dueMs = dueMs;
    return dueMs;
  }
}
