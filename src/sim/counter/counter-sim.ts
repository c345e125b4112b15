import { endProcess } from '../end-process.ts';
import type { MachineClients, Receiver } from '../machine-clients.ts';
import type { MachineUnderTest } from '../machine-under-test.ts';
import type { SimCluster } from '../sim-cluster.ts';
import { SimRandom } from '../sim-random.ts';
import { CounterClient } from './counter-client.ts';
import { COUNTER_RECORD_KINDS, COUNTER_VERSION, CounterMachine, openCounter } from './counter-machine.ts';
import { CounterModel } from './counter-model.ts';

/** The counter under simulation. */
export const COUNTER_MACHINE: MachineUnderTest = {
  machine: {
    recordKinds: COUNTER_RECORD_KINDS,
    versionMax: COUNTER_VERSION,
    open: (_plan, _limits, versionMax) => openCounter(versionMax),
  },
  clientsOf: (cluster, random) => new CounterClients(cluster, random),
};

/** All clients of a cluster that simulates the counter. It has no sessions, and nothing in it is ever due. */
class CounterClients implements MachineClients {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #model = new CounterModel();
  readonly #clients: readonly CounterClient[];

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
    const ids = Array.from({ length: cluster.plan.clients }, (_, at) => 101 + at);
    this.#clients = ids.map((id) => new CounterClient(cluster, id, new SimRandom(random.uint32()), this.#model));
  }

  get waiting(): number {
    return this.#clients.filter((client) => !client.isIdle).length;
  }

  get events(): number {
    return this.#model.events;
  }

  get acknowledged(): number {
    return this.#model.changes;
  }

  start(): void {
    for (const client of this.#clients) client.start();
  }

  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  receiverOf(connection: number): Receiver | undefined {
    const client = this.#clients.find((each) => each.connection === connection);
    return client === undefined ? undefined : (packet) => client.onPacket(packet);
  }

  hangUp(which: number): void {
    const client = this.#clients[which % this.#clients.length];
    if (client !== undefined) endProcess(this.#cluster, this.#random, client);
  }

  onLost(): void {}

  crowd(): void {}

  onWritten(): void {}

  onCommitted(): void {}

  afterTurn(): void {}

  watch(): void {}

  checkEnd(): void {
    const { commit } = this.#cluster.leader()?.runtime?.view ?? { commit: 0 };
    for (const { id, runtime } of this.#cluster.nodes.values()) {
      if (runtime?.machine instanceof CounterMachine && runtime.applied === commit) this.#model.checkValue(id, runtime.machine.value);
    }
  }
}
