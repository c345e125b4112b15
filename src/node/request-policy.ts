/** What is wrong with a request. */
export interface RequestFault {
  /** OVERLOADED: it may be sent again later. */
  readonly code: 'INVALID_REQUEST' | 'TOO_LARGE' | 'OVERLOADED';
  /** The remedy. */
  readonly message: string;
  /** The positions of the invalid operations in the request, in ascending order; empty if the request as a whole is invalid. */
  readonly operations: readonly number[];
}

/** A request that may wait at the leader, outside of the log, until there is something for it: waiting costs no write. */
export interface RequestWait {
  /** Requests of one topic are served in the order of their arrival. */
  readonly topic: string;
  /** How many of the available units it takes, at most. */
  readonly demand: number;
  /** How long it may wait, in ms; then it enters the log like the others. */
  readonly waitMs: number;
}

/** A request that is about to enter the log, and what it takes from the requests behind it until it is applied. */
export interface Reservation {
  /** The request, or a copy of it that asks for less. */
  readonly request: Uint8Array;
  /** Approximate upper bound of the payload bytes in its reply. */
  readonly replyBytes: number;
  /** The request is applied, or does not enter the log. */
  release(): void;
}

/** What a node learns from a request on its arrival. */
export interface Inspection {
  /** If there is one, the request is rejected. */
  readonly fault?: RequestFault | undefined;
  /** Undefined for a request that never waits. */
  readonly wait?: RequestWait | undefined;
  /** Called once, right before the request is proposed. @param request the inspected bytes, or a copy of them. */
  reserve?(request: Uint8Array): Reservation;
}

/** What a state machine decides about requests outside of the log. A node has one policy, whether it leads or not. */
export interface RequestPolicy {
  /** The newest version whose requests it knows. */
  readonly versionMax: number;
  /**
   * Checks a whole request before it enters the log, so that replicas apply only well-formed requests. Never throws.
   * @param version of the state machine that will execute it; undefined where only the leader knows it.
   */
  inspect(request: Uint8Array, version: number | undefined): Inspection;
  /** Whether the request only reads and is well formed. @returns what is wrong with it, or undefined. Never throws. */
  inspectQuery(request: Uint8Array): RequestFault | undefined;
  /** How many units the requests that wait for the topic could take now. */
  available(topic: string): number;
  /** Whether the state remembers that this request was executed: a repetition has its reply, and need not wait. */
  isExecuted(client: number, sequence: number): boolean;
  /** For a machine whose replies grant something that must be taken back if they do not arrive. */
  readonly delivery?: ReplyDelivery | undefined;
  /** For a machine whose state waits for values that are not a function of the log. */
  readonly supply?: LeaderSupply | undefined;
}

/** Values that the state waits for, and that replicas might compute differently: the leader computes them, by requests of the node itself. */
export interface LeaderSupply {
  /** Cheap. @param nowMs monotonic. */
  isDue(nowMs: number): boolean;
  /**
   * Called while this node leads. A request that is lost is made again later.
   * @returns requests whose client is `NO_CLIENT`; they may be executed twice.
   */
  take(nowMs: number): readonly Uint8Array[];
  /** Why one of the values could not be computed since the last call. It is tried again later. */
  takeFault(): string | undefined;
}

/**
 * Watches replies that grant something (a claimed job) until their client acknowledges them, and takes back what was granted by those whose
 * channel ended before, by requests of the node itself.
 */
export interface ReplyDelivery {
  /** Whether there are requests that no turn has tried to propose yet. */
  readonly isDue: boolean;
  readonly isEmpty: boolean;
  /** Whether an acknowledgement of this client has an effect. */
  awaits(client: number): boolean;
  /** The client has the replies to all requests of its session below this sequence, whichever channel they used. */
  onAcknowledged(client: number, below: number): void;
  /** Whether the reply grants something. Cheap. */
  isTracked(reply: Uint8Array): boolean;
  /** A reply was sent. @param reply kept until it is acknowledged, if it is tracked. */
  onSent(connection: number, client: number, sequence: number, reply: Uint8Array): void;
  /** The client's channel has ended. */
  onGone(connection: number): void;
  /** @returns the node's own requests, which no client sends: their client is `NO_CLIENT`, and they may be executed twice. */
  take(): readonly Uint8Array[];
  /** The request could not be proposed now; a later turn tries again. */
  putBack(request: Uint8Array): void;
  /** Whether this is such a request, from any node. Never throws. */
  isOwn(request: Uint8Array): boolean;
}
