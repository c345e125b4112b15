/**
 * The longest step of the clock, in ms. A leader reads its clock more often than that while anything depends on it, so a longer time
 * between two readings means that its thread, and its handling of clients, was stopped.
 */
const STEP_MS_MAX = 1_000;

/**
 * The log's own clock, as its leader reads it: the time of the log when this node began to lead, plus the time that the node's monotonic
 * clock counted since then. It is independent of wall clocks. It stops while there is no leader, and nearly stops while the leader itself
 * is stopped, for example by a stalled disk: a lease must not end because its holder's extension could not be handled.
 */
export class LogClock {
  #logMs = 0;
  #atMs = 0;

  /** This node leads from now on. @param logMs the latest time in the log. */
  start(nowMs: number, logMs: number): void {
    this.#logMs = logMs;
    this.#atMs = nowMs;
  }

  /**
   * @param nowMs of the node's monotonic clock.
   * @param appliedLogMs the state machine's time. It is ahead only if the previous leader's last entries are applied
   *   after this node began to lead.
   * @returns whole milliseconds.
   */
  at(nowMs: number, appliedLogMs: number): number {
    this.#logMs = Math.max(this.#logMs + Math.min(nowMs - this.#atMs, STEP_MS_MAX), appliedLogMs);
    this.#atMs = nowMs;
    return Math.floor(this.#logMs);
  }
}
