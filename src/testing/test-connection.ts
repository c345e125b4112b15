import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { Quarantine } from '../client/worker/quarantine.ts';
import type { InProcessNodes } from './in-process-nodes.ts';
import type { TestClock } from './test-clock.ts';

/** The parts of a test cluster that its connections share. */
export interface TestConnectionParts {
  readonly nodes: InProcessNodes;
  readonly clock: TestClock;
  readonly cluster: Required<Pick<ClusterEndpoint, 'nodeIds' | 'onClosed' | 'isClosed'>>;
}

/**
 * The connection of one more process to a test cluster: a value for `connection` of queues and workers. While it is disconnected, that
 * process is as one that hangs: nothing that it sends arrives, and it receives nothing, so the leases of its workers expire.
 */
export class TestConnection implements ClusterEndpoint {
  readonly holder: number;
  /** @internal the one of its process. */
  readonly quarantine: Quarantine;
  readonly #parts: TestConnectionParts;
  #isConnected = true;

  constructor(holder: number, parts: TestConnectionParts) {
    this.holder = holder;
    this.#parts = parts;
    this.quarantine = new Quarantine(parts.clock);
    Quarantine.assign(this, this.quarantine);
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Part of {@link ClusterEndpoint}. */
  get clock(): TestClock {
    return this.#parts.clock;
  }

  /** Part of {@link ClusterEndpoint}. */
  get isClosed(): boolean {
    return this.#parts.cluster.isClosed;
  }

  /** Part of {@link ClusterEndpoint}. */
  get clusterIdentity(): unknown {
    return this.#parts.cluster;
  }

  /** Loses all messages from now on, also those in transit. */
  disconnect(): void {
    this.#isConnected = false;
  }

  /** Clients notice by their own timeouts: advance the clock. */
  reconnect(): void {
    this.#isConnected = true;
  }

  nodeIds(): readonly number[] {
    return this.#parts.cluster.nodeIds();
  }

  /** Part of {@link ClusterEndpoint}. */
  openChannel(node: number, handlers: ClientChannelHandlers): ClientChannel | undefined {
    return this.isClosed ? undefined : this.#parts.nodes.openChannel(node, handlers, this);
  }

  /** Part of {@link ClusterEndpoint}. */
  onClosed(listener: () => void): () => void {
    return this.#parts.cluster.onClosed(listener);
  }
}
