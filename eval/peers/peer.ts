/** A system that is measured beside jobraft, with the best settings that its drivers' authors could find for it. */
export interface Peer {
  /** What `--only` calls it. */
  readonly id: string;
  readonly name: string;
  readonly nodes: number;
  /** What an acknowledged add has survived, as a sentence: figures of different durability are different figures. */
  readonly durability: string;
  /** What a completion is made of where the system has no such word, and how far it is acknowledged. */
  readonly completion: string;
  /** What its servers and clients are set to beyond their defaults, and why. */
  readonly settings: string;
  /** How many adds are kept in flight when the most adds a second are looked for. */
  readonly addsInFlight: number;
  /** @returns what is missing on this machine and how to get it; `undefined` when the peer can be started. */
  missing(): string | undefined;
  /** Resolves when adds can be accepted. @throws when the servers do not come up in time; nothing is left running then. */
  start(options: PeerOptions): Promise<RunningPeer>;
}

export interface PeerOptions {
  /** A folder of its own, on the disk that all peers use. */
  readonly folder: string;
  readonly seed: number;
}

/** Servers of one peer that run on this machine, and its client. */
export interface RunningPeer {
  /** The server's own version. */
  readonly version: string;
  /** The client packages and their versions; empty for what is part of the server. */
  readonly client: string;
  /** Makes a queue that no one used before. */
  openQueue(name: string): Promise<PeerQueue>;
  /** Present where there are nodes enough to lose one. */
  readonly failover?: Failover;
  /** Ends clients and servers; safe to call twice. */
  stop(): Promise<void>;
}

export interface Failover {
  /** Waits until every node has all of the queue, so that every kill finds a whole cluster. */
  findLeader(queue: string): Promise<KillableLeader>;
}

export interface KillableLeader {
  /** Ends it without warning (SIGKILL; for jobraft its thread). */
  kill(): Promise<void>;
  /** Resolves when the node is a member again and has what the others have. */
  restart(): Promise<void>;
}

export interface PeerQueue {
  /** Resolves when the add is acknowledged as the peer's durability says. */
  add(payload: Uint8Array): Promise<void>;
  /** An empty handler for up to `concurrency` jobs at once. */
  consume(options: PeerConsumerOptions): Promise<PeerConsumer>;
  close(): Promise<void>;
}

export interface PeerConsumerOptions {
  readonly concurrency: number;
  /** Called with how many jobs were completed since the last call. */
  readonly onCompleted: (count: number) => void;
  readonly onError: (error: unknown) => void;
}

export interface PeerConsumer {
  /** Takes no more jobs and waits for what is under way. */
  close(): Promise<void>;
}
