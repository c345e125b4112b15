/** A system that is measured beside jobraft, with the best settings found for it. */
export interface Peer {
  /** Its name for `--only`. */
  readonly id: string;
  readonly name: string;
  readonly nodes: number;
  /** Durability of an acknowledged add, as a sentence: figures of different durability are different figures. */
  readonly durability: string;
  /** The operations of a completion where the system has no such term, and how it is acknowledged. */
  readonly completion: string;
  /** Settings of its servers and clients that differ from their defaults, and why. */
  readonly settings: string;
  /** Adds in flight when the maximum rate is measured. */
  readonly addsInFlight: number;
  /** @returns what is missing on this machine and how to install it; `undefined` when the peer can be started. */
  missing(): string | undefined;
  /** Resolves when adds can be accepted. @throws when the servers do not start in time; all are stopped then. */
  start(options: PeerOptions): Promise<RunningPeer>;
}

export interface PeerOptions {
  /** A separate folder, on the disk that all peers use. */
  readonly folder: string;
  readonly seed: number;
}

/** Servers of one peer that run on this machine, and its client. */
export interface RunningPeer {
  /** The server's own version. */
  readonly version: string;
  /** The client packages and their versions; empty if the client is part of the server. */
  readonly client: string;
  /** Creates a new queue. */
  openQueue(name: string): Promise<PeerQueue>;
  /** Present where the cluster survives the loss of a node. */
  readonly failover?: Failover;
  /** Ends clients and servers; safe to call twice. */
  stop(): Promise<void>;
}

export interface Failover {
  /** Waits until every node has all of the queue, so that every fault finds a complete cluster. */
  findLeader(queue: string): Promise<LeaderFaults>;
}

/** Two faults of the node that leads, each with its repair. */
export interface LeaderFaults {
  /** Ends it without warning (SIGKILL; for jobraft as threads its thread). The system closes its sockets or ports, by which peers and clients notice. */
  kill(): Promise<void>;
  /** Starts it after {@link kill}. Resolves when the node is a member again and has caught up. */
  restart(): Promise<void>;
  /** Stops its execution (SIGSTOP; a thread of jobraft blocks). Its sockets or ports stay open: only its silence is noticed. */
  pause(): Promise<void>;
  /**
   * Ends {@link pause}. Resolves when the node has caught up.
   * @throws when the pause had ended before.
   */
  resume(): Promise<void>;
}

/**
 * While the leader is paused, clients of the peers avoid a node that does not reply for this long. Their libraries would wait for seconds or
 * without limit; jobraft's client has a limit of its own.
 */
export const CLIENT_SILENCE_MS = 100;

export interface PeerQueue {
  /** Resolves when the add is acknowledged with the peer's durability. */
  add(payload: Uint8Array): Promise<void>;
  /** An empty handler for up to `concurrency` jobs at once. */
  consume(options: PeerConsumerOptions): Promise<PeerConsumer>;
  /** Completes all that wait. Present where millions of jobs could wait and `close` keeps them, which would slow down later measures. */
  empty?(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface PeerConsumerOptions {
  readonly concurrency: number;
  /** Called with how many jobs were completed since the last call. */
  readonly onCompleted: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

export interface PeerConsumer {
  /** Claims no more jobs and waits for the running ones. */
  close(): Promise<void>;
}
