import { type TransactionCall, transact } from '../client/api/transact.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { ClusterClosedError } from '../client/errors.ts';
import { Quarantine } from '../client/worker/quarantine.ts';
import { parseSettings } from '../cluster/cluster-arguments.ts';
import { checkDrained, dueJobs } from './drain.ts';
import { InProcessNodes } from './in-process-nodes.ts';
import { TestClock } from './test-clock.ts';
import { TEST_CLUSTER_OPTIONS, type TestClusterOptions } from './test-cluster-options.ts';
import { TestConnection } from './test-connection.ts';

/**
 * Starts a cluster for tests: the production nodes in the caller's thread, on disks in memory. It takes a few milliseconds, and nothing of
 * it keeps the process running. Its time passes only in {@link TestClock.advance}.
 * @throws {ConfigError}
 */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { nodes, now, seed } = parseSettings(TEST_CLUSTER_OPTIONS, options, 'options');
  return new TestCluster(nodes, Number(now ?? Date.now()), seed);
}

/** A cluster for tests, made by {@link startTestCluster}: the `connection` of queues and workers. */
export class TestCluster implements ClusterEndpoint, AsyncDisposable {
  /** Adds, ends and changes jobs of any queues at once, or does nothing: see `Transaction`. @throws {TransactionError | TransactionTooLargeError} */
  readonly transaction: TransactionCall = (build) => transact(this, build);
  readonly clock: TestClock;
  readonly #ids: readonly number[];
  readonly #nodes: InProcessNodes;
  /** The connection of this process first. */
  readonly #connections: TestConnection[] = [];
  readonly #closedListeners = new Set<() => void>();
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /** @param startMs the time of day, in ms since 1970. */
  constructor(nodes: number, startMs: number, seed: number) {
    this.#ids = Array.from({ length: nodes }, (_, position) => position + 1);
    // The election took no time.
    let startedMs = Number.POSITIVE_INFINITY;
    const wallMs = (): number => startMs + Math.max(0, this.#nodes.schedule.nowMs - startedMs);
    this.#nodes = new InProcessNodes(this.#ids, seed, wallMs);
    this.clock = new TestClock(this.#nodes, wallMs);
    this.#nodes.electLeader();
    startedMs = this.#nodes.schedule.nowMs;
    Quarantine.assign(this, this.connect().quarantine);
  }

  /** Part of {@link ClusterEndpoint}. */
  get holder(): number {
    return this.#own.holder;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  nodeIds(): readonly number[] {
    return this.#ids;
  }

  /** Part of {@link ClusterEndpoint}. */
  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    return this.#own.openChannel(node, handlers);
  }

  /** Part of {@link ClusterEndpoint}. */
  onClosed(listener: () => void): () => void {
    this.#closedListeners.add(listener);
    return () => this.#closedListeners.delete(listener);
  }

  /** A connection of another process, which can be disconnected, for tests of workers that hang. */
  connect(): TestConnection {
    const connection = new TestConnection(this.#connections.length + 1, { nodes: this.#nodes, clock: this.clock, cluster: this });
    this.#connections.push(connection);
    return connection;
  }

  /**
   * Resolves once nothing is due: no job waits and none is active, in any queue, also none that a job added. Waits for processors, however
   * long they take. Jobs whose delay or backoff is not over stay delayed, those of a paused queue, or one at its limit, waiting, and those of a disconnected process
   * active.
   * @throws {NotDrainedError} if jobs wait and no worker takes them. @throws {ClusterClosedError}
   */
  async drain(): Promise<void> {
    for (;;) {
      await this.#nodes.settle();
      const machine = this.#nodes.leader?.machine;
      if (this.#isClosed || machine === undefined) throw new ClusterClosedError();
      const disconnected = this.#connections.filter((connection) => !connection.isConnected).map(({ holder }) => holder);
      const due = dueJobs(machine, disconnected);
      if (due.active <= 0) {
        checkDrained(due);
        return;
      }
      await this.#nodes.nextEvent();
    }
  }

  /** Ends the cluster: calls without a reply are rejected, and workers stop. May be called twice. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #own(): TestConnection {
    return this.#connections[0] as TestConnection;
  }

  async #close(): Promise<void> {
    for (const listener of [...this.#closedListeners]) listener();
    this.#closedListeners.clear();
    this.clock.close();
    await this.#nodes.close();
  }
}
