import type { NodeId } from '../base/ids.ts';
import type { MemoryRelease } from '../base/memory-release.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { Configuration } from '../raft/entry.ts';
import type { NodeStorage } from '../storage/port.ts';
import type { Transport } from '../transport/port.ts';
import type { NodeLimits } from './limits.ts';
import type { Clock, Observer } from './ports.ts';
import type { OpenMachine, StateMachine } from './state-machine.ts';

export interface NodeOptions<Machine extends StateMachine> {
  readonly id: NodeId;
  /**
   * The initial members of the cluster, for a node that has no configuration on disk yet. A node whose disk is not among them has no
   * configuration until a leader sends one.
   */
  readonly configuration: Configuration;
  readonly raft: RaftConfig;
  readonly limits: NodeLimits;
  /** Any non-negative integer; different at each start. */
  readonly seed: number;
  /**
   * All members run this same release, as the threads of one process do: then no member has to be asked which versions it supports.
   * Default: false.
   */
  readonly isOneRelease?: boolean;
  readonly machine: OpenMachine<Machine>;
  readonly storage: NodeStorage;
  readonly clock: Clock;
  readonly outlet: Transport;
  readonly observe: Observer;
  /**
   * Given where each frame of a peer arrives in memory of its own, to which nothing else refers, and the storage keeps no memory that it is
   * given. Default: all memory is left to the collector.
   */
  readonly memory?: MemoryRelease | undefined;
}
