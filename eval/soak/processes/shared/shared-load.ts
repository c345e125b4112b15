import { FaultLoad } from '../fault-load.ts';
import type { SharingReport } from './messages.ts';
import type { SharingHandle } from './sharing-handle.ts';

/** The reply to a completion may be in transit when the queue is empty. */
const LAST_REPLIES_MS = 2_000;
const AUDIT_JOBS = 500;

/** Load from each of the processes that share the folder. */
export class SharedLoad extends FaultLoad {
  readonly #handles: () => readonly SharingHandle[];
  readonly #addsPerSecond: number;
  readonly #processes: number;
  readonly #acknowledgedMs: number[] = [];
  #isOn = false;

  /** @param handles of the processes that run. @param processes among which the adds are divided. */
  constructor(handles: () => readonly SharingHandle[], addsPerSecond: number, processes: number) {
    super();
    this.#handles = handles;
    this.#addsPerSecond = addsPerSecond;
    this.#processes = processes;
  }

  override start(): void {
    this.#isOn = true;
    for (const handle of this.#handles()) this.join(handle);
  }

  /** A process has started. */
  join(handle: SharingHandle): void {
    // A process that ends is found when it is looked for.
    if (this.#isOn) handle.call('start', this.#addsPerSecond / this.#processes).catch(() => undefined);
  }

  /** Messages are larger by so many bytes from now on. */
  async enlarge(bytes: number): Promise<void> {
    await Promise.all(this.#handles().map((handle) => handle.call('enlarge', bytes)));
  }

  onReport(report: Exclude<SharingReport, { readonly type: 'reply' }>): void {
    switch (report.type) {
      case 'acknowledged':
        this.#acknowledgedMs.push(report.atMs);
        this.ledger.onAcknowledged(report.job, report.atMs);
        break;
      case 'rejected':
        this.ledger.onRejected(report.outcome);
        break;
      case 'completed':
        this.ledger.onCompleted(report.message, report.job);
        break;
      default:
        this.noteError(report.text);
    }
  }

  /** When adds were acknowledged since this was last asked, on the system clock, ascending. */
  takeAcknowledgedMs(): readonly number[] {
    return this.#acknowledgedMs.splice(0).sort((a, b) => a - b);
  }

  override async drained(withinMs: number): Promise<boolean> {
    this.#isOn = false;
    const handles = this.#handles();
    const [first] = handles;
    if (first === undefined) return false;
    await Promise.all(handles.map((handle) => handle.call('stop')));
    const areAnswered = async (): Promise<boolean> =>
      (await Promise.all(handles.map((handle) => handle.call('inFlight')))).every((inFlight) => inFlight === 0);
    if (!(await this.until(areAnswered, withinMs))) return false;
    if (!(await this.until(() => first.call('isEmpty'), withinMs))) return false;
    await this.until(() => this.ledger.open === 0, LAST_REPLIES_MS);
    // What a killed process completed, it may not have reported.
    const open = this.ledger.openJobs();
    for (let at = 0; at < open.length; at += AUDIT_JOBS)
      for (const job of await first.call('completedOf', open.slice(at, at + AUDIT_JOBS))) this.ledger.onFoundCompleted(job);
    return true;
  }
}
