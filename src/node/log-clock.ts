/**
 * The log's own clock, as its leader reads it: the time of the log when this node began to lead, and what the node's monotonic clock counted
 * since then. It stands still while nobody leads, and no wall clock moves it.
 */
export class LogClock {
  #baseMs = 0;
  #sinceMs = 0;

  /** This node leads from now on. @param logMs the latest time in the log. */
  start(nowMs: number, logMs: number): void {
    this.#baseMs = logMs;
    this.#sinceMs = nowMs;
  }

  /**
   * @param nowMs of the node's monotonic clock.
   * @param appliedLogMs the time that the state machine has come to. It is ahead only where the former leader's last entries are applied
   *   after this one began to lead.
   * @returns whole milliseconds.
   */
  at(nowMs: number, appliedLogMs: number): number {
    if (this.#baseMs + (nowMs - this.#sinceMs) < appliedLogMs) this.start(nowMs, appliedLogMs);
    return Math.floor(this.#baseMs + (nowMs - this.#sinceMs));
  }
}
