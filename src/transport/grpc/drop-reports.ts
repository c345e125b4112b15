/** Closed connections are reported one by one up to this many in ten seconds: a flood of them must not become one of log lines. */
const REPORTS_MAX = 20;
const WINDOW_MS = 10_000;

/** Reports the connections that a server closed; beyond a bound their number. */
export class DropReports {
  readonly #report: (peer: string, reason: string) => void;
  #sinceMs = Number.NEGATIVE_INFINITY;
  #reported = 0;
  #others = 0;

  constructor(report: (peer: string, reason: string) => void) {
    this.#report = report;
  }

  add(peer: string, reason: string, nowMs: number): void {
    if (nowMs - this.#sinceMs >= WINDOW_MS) {
      const others = this.#others === 0 ? '' : ` (${this.#others} more were closed before, without a report)`;
      this.#sinceMs = nowMs;
      this.#reported = 1;
      this.#others = 0;
      this.#report(peer, `${reason}${others}`);
    } else if (this.#reported < REPORTS_MAX) {
      this.#reported += 1;
      this.#report(peer, reason);
    } else this.#others += 1;
  }
}
