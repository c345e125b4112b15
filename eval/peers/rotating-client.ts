/**
 * One client for each node of a cluster. One is used: the leader's, since any other node only forwards
 * requests. When a call fails, the next client is used from then on, which is faster than the clients' own reconnection.
 */
export class RotatingClient<Client> {
  readonly #clients: (Client | undefined)[];
  /** Nodes that did not reply in time, and have not replied since. */
  readonly #silent = new Set<number>();
  #silenceMs: number | undefined;
  #current = 0;

  constructor(clients: readonly Client[]) {
    this.#clients = [...clients];
  }

  all(): Client[] {
    return this.#clients.filter((client) => client !== undefined);
  }

  /** Uses the client of this node. */
  prefer(node: number): void {
    this.#current = node;
  }

  /** A node's client was lost, or is connected again. */
  replace(node: number, client: Client | undefined): void {
    this.#clients[node] = client;
  }

  /**
   * From now on, later calls avoid a node that does not reply to a call within this time, until it replies to any; the call itself is not
   * cancelled. `undefined`: no time limit, as at first.
   */
  avoidSilentNodes(afterMs: number | undefined): void {
    this.#silenceMs = afterMs;
    this.#silent.clear();
  }

  /** @throws what the client's call throws, or when no client is left. */
  async use<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const at = this.#at();
    const client = this.#clients[at];
    if (client === undefined) throw new Error('No node can be reached.');
    const timer = this.#silenceMs === undefined ? undefined : setTimeout(() => this.#onSilence(at), this.#silenceMs);
    try {
      const result = await call(client);
      this.#silent.delete(at);
      if (this.#silent.has(this.#current)) this.#current = at;
      return result;
    } catch (error) {
      this.#silent.delete(at);
      // Many calls fail at once when a node crashes; together they move on by one node, not by one each.
      this.#leave(at);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #onSilence(at: number): void {
    if (this.#silenceMs === undefined) return;
    this.#silent.add(at);
    this.#leave(at);
  }

  #leave(at: number): void {
    if (this.#current !== at) return;
    const others = this.#clients.map((_, step) => (at + step) % this.#clients.length).slice(1);
    this.#current = others.find((other) => !this.#silent.has(other)) ?? others[0] ?? at;
  }

  #at(): number {
    for (let step = 0; step < this.#clients.length; step += 1) {
      const at = (this.#current + step) % this.#clients.length;
      if (this.#clients[at] !== undefined) {
        this.#current = at;
        return at;
      }
    }
    return this.#current;
  }
}
