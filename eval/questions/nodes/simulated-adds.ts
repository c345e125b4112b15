import type { Dispatcher } from '../../../src/client/delivery/dispatcher.ts';
import type { PendingOperation } from '../../../src/client/delivery/pending-operation.ts';
import type { ClientChannel, ClientChannelHandlers, ClusterEndpoint } from '../../../src/client/endpoint.ts';
import { encodePayload } from '../../../src/client/payload.ts';
import type { NodeCounters } from '../../../src/node/node-metrics.ts';
import { ADD_DEFAULTS } from '../../../src/protocol/request-encoder.ts';
import type { MachineClients, Receiver } from '../../../src/sim/machine-clients.ts';
import { PLAN_DEFAULTS, type Plan } from '../../../src/sim/plan.ts';
import { QUEUE_MACHINE } from '../../../src/sim/queue-machine.ts';
import { SimCluster } from '../../../src/sim/sim-cluster.ts';
import { openDelivery } from '../../../src/sim/sim-delivery.ts';
import { SimulatedTime } from '../../../src/sim/simulated-time.ts';

/** Milliseconds of a message, always; a write takes no time. */
const DELAY_MS = 0.05;
const SEED = 1;
const CONNECTION = 101;
/** Longer than any run: a call is repeated until it has a reply. */
const DEADLINE_MS = 3_600_000;
const OVERHEAD_BYTES = 64;

export interface SimulatedAddsOptions {
  readonly nodes: number;
  readonly inFlight: number;
  /** Of a payload. */
  readonly bytes: number;
}

/** A cluster without faults in the simulator, and one client that keeps a number of adds in flight. */
export class SimulatedAdds {
  readonly #cluster: SimCluster;
  readonly #client: AddingClient;

  constructor({ nodes, inFlight, bytes }: SimulatedAddsOptions) {
    this.#cluster = new SimCluster(planOf(nodes), QUEUE_MACHINE.machine, (cluster) => new AddingClient(cluster, inFlight, bytes));
    this.#client = this.#cluster.clients as AddingClient;
    for (const node of this.#cluster.nodes.values()) this.#cluster.startNode(node);
    this.#client.start();
  }

  get acknowledged(): number {
    return this.#client.acknowledged;
  }

  /** The next event. @throws {Violation} when one breaks an invariant. @throws the error of an add. */
  runNext(): void {
    this.#cluster.schedule.runNext(Number.POSITIVE_INFINITY);
    if (this.#client.failure !== undefined) throw this.#client.failure;
  }

  counters(): readonly NodeCounters[] {
    return [...this.#cluster.nodes.values()].flatMap(({ runtime }) => (runtime === undefined ? [] : [runtime.metrics.snapshot()]));
  }
}

const planOf = (nodes: number): Plan => ({
  ...PLAN_DEFAULTS,
  seed: SEED,
  nodes,
  spares: 0,
  ...{ faultMs: 0, clients: 1, operations: 0, raft: {}, limits: {}, drift: 0, faults: [] },
  network: {
    delayMs: [DELAY_MS, DELAY_MS],
    isReordering: false,
    dropProbability: 0,
    duplicateProbability: 0,
    clientDropProbability: 0,
  },
});

/** The client of the simulated cluster: it adds the next job for each acknowledged one. Without faults it needs no other notice. */
class AddingClient implements MachineClients, PendingOperation {
  readonly events = 0;
  acknowledged = 0;
  failure: Error | undefined;
  readonly #dispatcher: Dispatcher;
  readonly #channels = new Map<number, ClientChannelHandlers>();
  readonly #inFlight: number;
  readonly #payload: Uint8Array;

  constructor(cluster: SimCluster, inFlight: number, bytes: number) {
    this.#inFlight = inFlight;
    const endpoint: ClusterEndpoint = {
      nodeIds: () => cluster.nodeIds(),
      openChannel: (node, handlers): ClientChannel => {
        this.#channels.set(node, handlers);
        return { send: (packet) => cluster.sendToNode(CONNECTION, node, packet.slice()), close: () => this.#channels.delete(node) };
      },
    };
    this.#dispatcher = openDelivery(endpoint, { deadlineMs: DEADLINE_MS }, new SimulatedTime(cluster.schedule, SEED));
    this.#payload = encodePayload('message', new Uint8Array(bytes), this.#dispatcher.config.payloadBytesMax);
  }

  get waiting(): number {
    return this.#dispatcher.operations;
  }

  start(): void {
    for (let lane = 0; lane < this.#inFlight; lane += 1) this.#add();
  }

  onResult(): void {
    this.acknowledged += 1;
    this.#add();
  }

  onError(error: Error): void {
    this.failure ??= error;
  }

  receiverOf(connection: number): Receiver | undefined {
    if (connection !== CONNECTION) return undefined;
    return (packet, node) => this.#channels.get(node)?.onPacket(packet);
  }

  stop(): void {}
  onLost(): void {}
  hangUp(): void {}
  crowd(): void {}
  onWritten(): void {}
  onCommitted(): void {}
  afterTurn(): void {}
  watch(): void {}
  checkEnd(): void {}

  #add(): void {
    this.#dispatcher.open(this.#payload.length + OVERHEAD_BYTES).add('bench', this.#payload, ADD_DEFAULTS);
    this.#dispatcher.commit(this);
  }
}
