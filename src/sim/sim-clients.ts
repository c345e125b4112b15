import { SimClient } from './sim-client.ts';
import { SimRandom } from './sim-random.ts';
import type { World } from './world.ts';

/** Delay until the other side notices the end of a channel. */
const NOTICED_WITHIN_MS = 60;

/** Receives the packets of the nodes for a connection. */
export type Receiver = (packet: Uint8Array, node: number) => void;

/** All clients of the world, and other connections to its nodes. */
export class SimClients {
  readonly #world: World;
  readonly #random: SimRandom;
  readonly #clients: readonly SimClient[];
  readonly #others = new Map<number, Receiver>();

  constructor(world: World, random: SimRandom) {
    this.#world = world;
    this.#random = random;
    const { clients, operations } = world.plan;
    const ids = Array.from({ length: clients }, (_, at) => 101 + at);
    this.#clients = ids.map((id) => new SimClient(world, id, new SimRandom(random.uint32()), world.history, operations));
  }

  /** How many have requests in flight. */
  get waiting(): number {
    return this.#clients.filter((client) => !client.isIdle).length;
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  /** They start nothing more. */
  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  /** A node's channels have ended. */
  onLost(node: number): void {
    for (const client of this.#clients) client.onLost(node);
  }

  /** Routes packets to this connection there. */
  attach(connection: number, receiver: Receiver): void {
    this.#others.set(connection, receiver);
  }

  receiverOf(connection: number): Receiver | undefined {
    for (const client of this.#clients) {
      const receiver = client.receiverOf(connection);
      if (receiver !== undefined) return receiver;
    }
    return this.#others.get(connection);
  }

  /** Their recently sent requests arrive once more. */
  sendLateCopies(): void {
    for (const client of this.#clients) client.sendLateCopies();
  }

  /** A client's process ends, and each node notices it separately. */
  hangUp(which: number): void {
    const client = this.#clients[which % this.#clients.length];
    if (client === undefined) return;
    const { connection } = client;
    client.restart();
    const { nodes, schedule } = this.#world;
    for (const node of nodes.values()) {
      schedule.after(this.#random.between(0, NOTICED_WITHIN_MS), () => {
        node.runtime?.clientGone(connection);
        node.wake(schedule.nowMs);
      });
    }
  }
}
