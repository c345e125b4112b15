import type { EntryId } from '../base/ids.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { Entry } from '../raft/entry.ts';

/** Receives the packets of the nodes for a connection. */
export type Receiver = (packet: Uint8Array, node: number) => void;

/** The clients of one cluster, and the checks of what they observe. */
export interface MachineClients {
  /** How many have requests in flight. */
  readonly waiting: number;
  /** Number of events in their history. */
  readonly events: number;
  /** Acknowledged writes: added jobs, or changes of a counter. */
  readonly acknowledged: number;
  start(): void;
  /** They start nothing more. */
  stop(): void;
  /** A node's channels have ended. */
  onLost(node: number): void;
  receiverOf(connection: number): Receiver | undefined;
  /** A client's process ends, and each node notices it separately. */
  hangUp(which: number): void;
  /** As many clients appear as the machine keeps sessions, if it keeps any. */
  crowd(): void;
  /** Entries that some disk has from now on, or has at a start. */
  onWritten(entries: readonly Entry[]): void;
  /** Each committed entry once, in order. */
  onCommitted(id: EntryId): void;
  afterTurn(runtime: NodeRuntime): void;
  /** After the faults, in a quiescent cluster. @throws {Violation} */
  watch(): void;
  /** At the end of the run. @throws {Violation} */
  checkEnd(): void;
}
