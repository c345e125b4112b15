/**
 * The longest step of the clock, in ms. A leader looks at its clock more often than that while anything depends on it; so a longer time
 * between two looks means that its thread, and with it whatever its clients sent, stood still.
 */
const STEP_MS_MAX = 1_000;

/**
 * The log's own clock, as its leader reads it: the time of the log when this node began to lead, and what the node's monotonic clock counted
 * since then. No wall clock moves it. It stops while there is no leader, and nearly stops while the leader itself is stopped, by a stalled disk
 * for one: a lease must not end because its holder's extension could not be taken.
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
   * @param appliedLogMs the time that the state machine has come to. It is ahead only where the former leader's last entries are applied
   *   after this one began to lead.
   * @returns whole milliseconds.
   */
  at(nowMs: number, appliedLogMs: number): number {
    this.#logMs = Math.max(this.#logMs + Math.min(nowMs - this.#atMs, STEP_MS_MAX), appliedLogMs);
    this.#atMs = nowMs;
    return Math.floor(this.#logMs);
  }
}
