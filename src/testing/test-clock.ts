import type { ClientClock, ClientTimer } from '../client/clock.ts';
import { ClusterClosedError } from '../client/errors.ts';
import { parseSettings } from '../cluster/cluster-arguments.ts';
import { Exclusive } from '../cluster/exclusive.ts';
import type { InProcessNodes } from './in-process-nodes.ts';
import { DURATION_MS } from './test-cluster-options.ts';

/**
 * The clock of a test cluster: of its nodes, and of the queues and workers that are connected to it. Its time passes only in {@link advance}.
 */
export class TestClock implements ClientClock {
  readonly #nodes: InProcessNodes;
  readonly #wallMs: () => number;
  readonly #advances = new Exclusive();
  /** Promises of {@link sleep} that are pending, by what rejects them. */
  readonly #sleepers = new Set<(error: Error) => void>();
  #isClosed = false;

  constructor(nodes: InProcessNodes, wallMs: () => number) {
    this.#nodes = nodes;
    this.#wallMs = wallMs;
  }

  /** Virtual milliseconds since the cluster was created. */
  nowMs(): number {
    return this.#nodes.schedule.nowMs;
  }

  /** The virtual time of day, in ms since 1970. */
  wallMs(): number {
    return this.#wallMs();
  }

  /**
   * Passes this time at once. What becomes due on the way is done in its order, each at its time: delays and backoffs end, leases are extended
   * or expire. Between two points in time it waits until nothing more follows, except for processors that wait for something else than the
   * cluster: see `drain()`. Calls are executed one after the other.
   * @param ms from 0 on, a year at most. A day of a cluster of one node takes a few seconds.
   * @throws {ConfigError | ClusterClosedError}
   */
  async advance(ms: number): Promise<void> {
    parseSettings(DURATION_MS, ms, 'ms');
    await this.#advances.run(async () => {
      this.#checkOpen();
      await this.#nodes.runUntil(this.nowMs() + ms);
      this.#checkOpen();
    });
  }

  /** Resolves once the clock was advanced by this time, for processors that take long. @throws {ConfigError | ClusterClosedError} */
  async sleep(ms: number): Promise<void> {
    parseSettings(DURATION_MS, ms, 'ms');
    this.#checkOpen();
    await new Promise<void>((resolve, reject) => {
      this.#sleepers.add(reject);
      this.setTimer(() => {
        this.#sleepers.delete(reject);
        resolve();
      }, ms);
    });
  }

  /** Part of {@link ClientClock}. */
  setTimer(run: () => void, delayMs: number): ClientTimer {
    return this.#nodes.setTimer(run, delayMs);
  }

  /** Part of `TestCluster.close()`. */
  close(): void {
    this.#isClosed = true;
    for (const reject of this.#sleepers) reject(new ClusterClosedError());
    this.#sleepers.clear();
  }

  /** @throws {ClusterClosedError} */
  #checkOpen(): void {
    if (this.#isClosed) throw new ClusterClosedError();
  }
}
