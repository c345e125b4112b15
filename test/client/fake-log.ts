import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex } from '../../src/base/ids.ts';
import { writeEntryHeader } from '../../src/protocol/entry-data.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { SESSIONS_MAX } from '../../src/queue/state-bounds.ts';

type OnReply = (client: number, sequence: number, reply: Uint8Array) => void;

/**
 * The log of a fake cluster: every entry is applied to one real job-queue machine at once. Its clock runs in real time until it is stopped;
 * then only {@link advance} moves it, so that no pause of the test's process ends a lease.
 */
export class FakeLog {
  readonly machine = new JobQueue({ readRecord: () => undefined });
  readonly #onTime: () => void;
  #index = 0;
  #offsetMs = 0;
  #stoppedAtMs: number | undefined;
  #dueTimer: NodeJS.Timeout | undefined;

  /** @param onTime called when a lease or a delay ends. */
  constructor(onTime: () => void) {
    this.#onTime = onTime;
  }

  get lastIndex(): number {
    return this.#index;
  }

  get #nowMs(): number {
    return (this.#stoppedAtMs ?? Date.now()) + this.#offsetMs;
  }

  /** Real time no longer moves the clock. */
  stopClock(): void {
    this.#stoppedAtMs ??= Date.now();
    clearTimeout(this.#dueTimer);
  }

  advance(ms: number): void {
    this.#offsetMs += ms;
  }

  /** Appends one entry and applies it. What is due by its time is processed first. */
  apply(requests: readonly Uint8Array[], onReply: OnReply = () => undefined): void {
    this.#append(requests, onReply);
    this.#armDueTimer();
  }

  /** Ends every session, as if the maximum number of others were opened. Leases and delays stay. */
  expireSessions(): void {
    for (let opened = 0; opened < SESSIONS_MAX; opened += 1) {
      const encoder = new RequestEncoder(64);
      encoder.begin(2 ** 51 + opened, 1, 1);
      encoder.command('openSession', {});
      this.#append([encoder.finish()], () => undefined);
    }
  }

  close(): void {
    clearTimeout(this.#dueTimer);
  }

  #append(requests: readonly Uint8Array[], reply: OnReply): void {
    const entry = new ByteWriter(1024);
    const nowMs = this.#nowMs;
    writeEntryHeader(entry, { version: MACHINE_VERSION, logMs: nowMs, wallMs: nowMs, isFirstOfTerm: false });
    for (const request of requests) entry.blob(request);
    this.#index += 1;
    this.machine.apply(asIndex(this.#index), entry.copy(), { wants: () => true, reply });
  }

  #armDueTimer(): void {
    clearTimeout(this.#dueTimer);
    const { nextLeaseEndMs = Number.POSITIVE_INFINITY, nextWallDueMs } = this.machine;
    const dueMs = Math.min(nextLeaseEndMs, nextWallDueMs);
    if (dueMs === Number.POSITIVE_INFINITY || this.#stoppedAtMs !== undefined) return;
    this.#dueTimer = setTimeout(this.#onTime, Math.min(2 ** 30, Math.max(1, dueMs - this.#nowMs)));
    this.#dueTimer.unref();
  }
}
