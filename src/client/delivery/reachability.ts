import type { JobraftError, Outcome } from '../../base/errors.ts';
import { NoNodesRunningError } from '../errors.ts';
import type { Connection } from './connection.ts';
import type { Failover } from './failover.ts';

/** Whether calls can be answered at all: a node runs, and no outage lasts until its cause is removed. */
export class Reachability {
  readonly #connection: Connection;
  readonly #failover: Failover;
  /** The result of the latest check: without an outage, no call needs a check of its own. */
  #hadOutage = false;

  constructor(connection: Connection, failover: Failover) {
    this.#connection = connection;
    this.#failover = failover;
  }

  /** What identifies the cluster: equal for two clients of one. */
  get cluster(): unknown {
    return this.#connection.cluster;
  }

  /** The nodes, if none of them runs. */
  get stoppedNodes(): readonly number[] | undefined {
    return this.#failover.isSearching && !this.#connection.isAnyReachable() ? this.#connection.nodeIds() : undefined;
  }

  /** Checks now. @returns the error for an outage, or undefined if there is none. */
  outage(): ((outcome: Outcome) => JobraftError) | undefined {
    const outage = this.#connection.outage();
    this.#hadOutage = outage !== undefined;
    return outage;
  }

  /** @param isStale whether any node may reply. @throws {NoNodesRunningError | QuorumLostError | AccessDeniedError} */
  check(isStale = false): void {
    if (!(this.#failover.isSearching || this.#hadOutage)) return;
    const outage = this.outage();
    if (outage !== undefined && !isStale) throw outage('not-applied');
    const stoppedNodes = this.stoppedNodes;
    if (stoppedNodes !== undefined) throw new NoNodesRunningError(stoppedNodes);
  }
}
