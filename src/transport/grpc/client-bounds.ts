/** Bounds of each client of a node. */
export interface ClientBoundsConfig {
  readonly connectionsMax: number;
  /** Calls in progress, streams included. */
  readonly callsMax: number;
  /** Operations; 0 for any number. */
  readonly requestsPerSecondMax: number;
}

export type BoundReason = 'connections' | 'calls' | 'requests' | 'rejections';

const SECOND_MS = 1_000;
/** New connections of one address: a handshake of TLS costs about a millisecond. All of its clients may come back at once. */
const CONNECTS_PER_SECOND = 100;
/** Calls and packets of one client that are rejected: one that goes on loses its connection. */
const REJECTIONS_PER_SECOND = 100;
const REJECTIONS_AT_ONCE = 1_000;
/** More are kept only while they are connected. */
const KNOWN_MAX = 20_000;

/** Holds up to `size` tokens, and gets `perSecond` more. It may go below zero, so that what is larger than it gets through. */
class TokenBucket {
  readonly #size: number;
  readonly #perSecond: number;
  #tokens: number;
  #atMs: number;

  constructor(size: number, perSecond: number, nowMs: number) {
    this.#size = size;
    this.#perSecond = perSecond;
    this.#tokens = size;
    this.#atMs = nowMs;
  }

  /** @returns 0 if they are taken; else after how many ms some can be. */
  take(count: number, nowMs: number): number {
    this.#tokens = Math.min(this.#size, this.#tokens + ((nowMs - this.#atMs) / SECOND_MS) * this.#perSecond);
    this.#atMs = nowMs;
    if (this.#tokens <= 0) return Math.ceil(((1 - this.#tokens) / this.#perSecond) * SECOND_MS);
    this.#tokens -= count;
    return 0;
  }
}

interface Client {
  connections: number;
  calls: number;
  connects: TokenBucket | undefined;
  requests: TokenBucket | undefined;
  rejections: TokenBucket | undefined;
}

/**
 * What each client has open, and how much it asks for. A client is known by the name of its token, that of its certificate, or its address, in
 * this order, as far as there is one.
 */
export class ClientBounds {
  readonly #config: ClientBoundsConfig;
  readonly #nowMs: () => number;
  readonly #clients = new Map<string, Client>();
  readonly #rejected: Record<BoundReason, number> = { connections: 0, calls: 0, requests: 0, rejections: 0 };

  constructor(config: ClientBoundsConfig, nowMs: () => number = () => performance.now()) {
    this.#config = config;
    this.#nowMs = nowMs;
  }

  /** What was rejected so far, by the bound. */
  get rejected(): Readonly<Record<BoundReason, number>> {
    return { ...this.#rejected };
  }

  /** Before a handshake. @param address of the other side. */
  mayConnect(address: string): boolean {
    const client = this.#clientOf(address);
    client.connects ??= new TokenBucket(this.#config.connectionsMax, CONNECTS_PER_SECOND, this.#nowMs());
    return client.connects.take(1, this.#nowMs()) === 0 || this.#reject('connections');
  }

  /** @returns whether the connection may stay; then {@link closeConnection} is called at its end. */
  openConnection(identity: string): boolean {
    const client = this.#clientOf(identity);
    if (client.connections >= this.#config.connectionsMax) return this.#reject('connections');
    client.connections += 1;
    return true;
  }

  closeConnection(identity: string): void {
    this.#clientOf(identity).connections -= 1;
  }

  /** @returns whether the call may begin; then {@link endCall} is called at its end. */
  beginCall(identity: string): boolean {
    const client = this.#clientOf(identity);
    if (client.calls >= this.#config.callsMax) return this.#reject('calls');
    client.calls += 1;
    return true;
  }

  endCall(identity: string): void {
    this.#clientOf(identity).calls -= 1;
  }

  /** @returns 0 if the operations may be executed; else after how many ms they may. */
  takeRequests(identity: string, operations: number): number {
    const { requestsPerSecondMax: perSecond } = this.#config;
    if (perSecond === 0) return 0;
    const client = this.#clientOf(identity);
    client.requests ??= new TokenBucket(perSecond, perSecond, this.#nowMs());
    const waitMs = client.requests.take(operations, this.#nowMs());
    if (waitMs > 0) this.#reject('requests');
    return waitMs;
  }

  /** A call or packet was rejected, for whatever reason. @returns whether the client may keep its connection. */
  onRejected(identity: string): boolean {
    const client = this.#clientOf(identity);
    client.rejections ??= new TokenBucket(REJECTIONS_AT_ONCE, REJECTIONS_PER_SECOND, this.#nowMs());
    return client.rejections.take(1, this.#nowMs()) === 0 || this.#reject('rejections');
  }

  #reject(reason: BoundReason): false {
    this.#rejected[reason] += 1;
    return false;
  }

  #clientOf(identity: string): Client {
    const known = this.#clients.get(identity);
    if (known !== undefined) return known;
    if (this.#clients.size >= KNOWN_MAX)
      for (const [name, { connections, calls }] of this.#clients) if (connections === 0 && calls === 0) this.#clients.delete(name);
    const client: Client = { connections: 0, calls: 0, connects: undefined, requests: undefined, rejections: undefined };
    this.#clients.set(identity, client);
    return client;
  }
}
