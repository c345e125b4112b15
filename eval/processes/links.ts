import { once } from 'node:events';
import { createServer, type Server, Socket } from 'node:net';

/** A connection that passes through a link. */
interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Forwards TCP connections to one address, until it is cut. */
class Link implements AsyncDisposable {
  readonly #target: { readonly host: string; readonly port: number };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  #isCut = false;

  private constructor(target: string) {
    const { hostname, port } = new URL(`tcp://${target}`);
    this.#target = { host: hostname, port: Number(port) };
    this.#server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (near) => this.#onConnection(near));
  }

  static async open(target: string): Promise<Link> {
    const link = new Link(target);
    await once(link.#server.listen(0, '127.0.0.1'), 'listening');
    return link;
  }

  get address(): string {
    const bound = this.#server.address();
    return `127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
  }

  cut(): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const { near, far } of this.#pairs) {
      near.unpipe(far).pause();
      far.unpipe(near).pause();
    }
  }

  /** What was sent meanwhile arrives now, as far as the system has kept it. */
  heal(): void {
    if (!this.#isCut) return;
    this.#isCut = false;
    for (const pair of this.#pairs) this.#join(pair);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isCut = false;
    const closed = once(this.#server.close(), 'close');
    for (const pair of this.#pairs) this.#end(pair);
    await closed;
  }

  #onConnection(near: Socket): void {
    const pair = { near, far: new Socket({ allowHalfOpen: true }).setNoDelay(true) };
    this.#pairs.add(pair);
    // While the link is cut, neither end learns that the other one has closed.
    for (const socket of [pair.near, pair.far])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          if (!this.#isCut) this.#end(pair);
        });
    if (!this.#isCut) this.#join(pair);
  }

  #join(pair: Pair): void {
    const { near, far } = pair;
    if (near.destroyed || far.destroyed) {
      this.#end(pair);
      return;
    }
    if (far.pending && !far.connecting) far.connect(this.#target);
    near.pipe(far);
    far.pipe(near);
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.near.destroy();
    pair.far.destroy();
  }
}

/**
 * The connections between the nodes of a cluster, each by a proxy of this process. A link that is cut loses no connection, and passes
 * nothing in either direction: only silence is noticed. Clients are to use the nodes' own addresses.
 */
export class Links implements AsyncDisposable {
  readonly #addresses: ReadonlyMap<number, string>;
  /** By the node that dials, then by the node that is called. */
  readonly #links: ReadonlyMap<number, ReadonlyMap<number, Link>>;

  private constructor(addresses: ReadonlyMap<number, string>, links: ReadonlyMap<number, ReadonlyMap<number, Link>>) {
    this.#addresses = addresses;
    this.#links = links;
  }

  /** @param addresses `host:port`, by node. */
  static async open(addresses: ReadonlyMap<number, string>): Promise<Links> {
    const links = new Map<number, Map<number, Link>>();
    for (const from of addresses.keys()) {
      const others = [...addresses].filter(([to]) => to !== from);
      links.set(from, new Map(await Promise.all(others.map(async ([to, address]) => [to, await Link.open(address)] as const))));
    }
    return new Links(addresses, links);
  }

  /** Where a node listens itself, and where it reaches the others. */
  addressesOf(node: number): ReadonlyMap<number, string> {
    return new Map([...this.#addresses].map(([id, own]) => [id, this.#links.get(node)?.get(id)?.address ?? own]));
  }

  /** Cuts a node off from all others. */
  isolate(node: number): void {
    for (const [from, links] of this.#links) for (const [to, link] of links) if (from === node || to === node) link.cut();
  }

  /** Ends all cuts. */
  heal(): void {
    for (const link of this.#all()) link.heal();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all().map((link) => link[Symbol.asyncDispose]()));
  }

  #all(): readonly Link[] {
    return [...this.#links.values()].flatMap((links) => [...links.values()]);
  }
}
