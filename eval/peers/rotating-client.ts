/**
 * One client for each node of a cluster, of which one is used: the leader's, since any other node only passes on what it is
 * sent. When a call fails the next client is tried from then on, which is quicker than any client's own idea of reconnecting.
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

  /** Makes the node the one that is used. */
  prefer(node: number): void {
    this.#current = node;
  }

  /** A node's client is gone, or there again. */
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
      // Many calls fail at once when a node dies; they move on by one node together, not by one each.
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
