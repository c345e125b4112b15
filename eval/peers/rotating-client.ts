/**
 * One client for each node of a cluster. One is used: the leader's, since any other node only forwards
 * requests. When a call fails, the next client is used from then on, which is faster than the clients' own reconnection.
 */
export class RotatingClient<Client> {
  readonly #clients: (Client | undefined)[];
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

  /** @throws what the client's call throws, or when no client is left. */
  async use<T>(call: (client: Client) => Promise<T>): Promise<T> {
    const at = this.#at();
    const client = this.#clients[at];
    if (client === undefined) throw new Error('No node can be reached.');
    try {
      return await call(client);
    } catch (error) {
      // Many calls fail at once when a node crashes; together they move on by one node, not by one each.
      if (this.#current === at) this.#current = (at + 1) % this.#clients.length;
      throw error;
    }
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
