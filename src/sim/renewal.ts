import type { Dispatcher } from '../client/delivery/dispatcher.ts';
import type { ClientChannelHandlers, ClusterEndpoint } from '../client/endpoint.ts';
import { SessionExpiredError } from '../client/errors.ts';
import type { OperationResult } from '../protocol/reply.ts';
import { ADD_DEFAULTS } from '../protocol/request-encoder.ts';
import { awaitQuiescence } from './quiescence.ts';
import type { SimCluster } from './sim-cluster.ts';
import { openDelivery } from './sim-delivery.ts';
import { SimulatedTime } from './simulated-time.ts';
import { checkProperty } from './violation.ts';

const CONNECTION = 902;
const QUEUE = 'ordered';
/** So few operations per request that each turn sends several requests. */
const OPERATIONS_PER_REQUEST = 3;
const TURNS = 6;
const ADDS_PER_TURN = 7;
const ANSWERED_WITHIN_MS = 30_000;
/** Long enough that requests in flight are awaited instead of sent again. */
const SILENCE_MS = 5_000;
const POLL_MS = 20;
/** Longer than a packet is in transit. */
const QUIET_MS = 300;
/** Afterwards the client is idle. */
const REST_MS = 2_000;

/**
 * The production client in a quiescent cluster that has evicted its session: its operations in flight, in several requests, are rejected,
 * and keep their order in the next session.
 */
export function watchRenewal(cluster: SimCluster): void {
  // The limit must admit this many sessions.
  if (!cluster.plan.faults.some(({ type }) => type === 'crowd')) return;
  const client = new ProductionClient(cluster);
  client.add();
  client.awaitReplies();
  cluster.clients.crowd();
  awaitQuiet(cluster);
  for (let turn = 0; turn < TURNS; turn += 1) {
    for (let add = 0; add < ADDS_PER_TURN; add += 1) client.add();
    cluster.runUntil(cluster.schedule.nowMs + 1);
  }
  client.awaitReplies();
  cluster.coverage.add('client renewed its session with requests under way');
  const ids = client.ids.filter((id) => id !== undefined);
  const at = ids.findIndex((id, place) => place > 0 && id < (ids[place - 1] ?? 0));
  checkProperty(
    at === -1,
    'a renewed session keeps the order of calls',
    () => `call ${at} got job ${ids[at]}, call ${at - 1} before it job ${ids[at - 1]}`,
  );
  cluster.runUntil(cluster.schedule.nowMs + REST_MS);
}

/** Until all sent requests are applied on all nodes, and no more follow. */
function awaitQuiet(cluster: SimCluster): void {
  let quietSinceMs = cluster.schedule.nowMs;
  let applied = 0;
  while (cluster.schedule.nowMs < quietSinceMs + QUIET_MS) {
    cluster.runUntil(cluster.schedule.nowMs + POLL_MS);
    awaitQuiescence(cluster);
    const now = cluster.leader()?.runtime?.applied ?? 0;
    if (now !== applied) quietSinceMs = cluster.schedule.nowMs;
    applied = now;
  }
}

class ProductionClient {
  /** Ids of the jobs, in the order of their calls; undefined where the outcome of the call is unknown. */
  readonly ids: (number | undefined)[] = [];
  readonly #cluster: SimCluster;
  readonly #dispatcher: Dispatcher;
  #calls = 0;
  #replies = 0;
  /** A violation inside a callback, since the client catches what callbacks throw. */
  #failure: string | undefined;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    const settings = { batchOperationsMax: OPERATIONS_PER_REQUEST, deadlineMs: ANSWERED_WITHIN_MS, silenceMs: SILENCE_MS };
    this.#dispatcher = openDelivery(endpointOf(cluster), settings, new SimulatedTime(cluster.schedule, cluster.plan.seed));
  }

  add(): void {
    const call = this.#calls;
    this.#calls += 1;
    this.#dispatcher.open(64).add(QUEUE, new Uint8Array(4), ADD_DEFAULTS);
    this.#dispatcher.commit({
      onResult: (result) => this.#onResult(call, result),
      onError: (error) => this.#onError(call, error),
    });
  }

  awaitReplies(): void {
    const { schedule } = this.#cluster;
    const deadlineMs = schedule.nowMs + ANSWERED_WITHIN_MS;
    while (this.#replies < this.#calls) {
      checkProperty(
        schedule.nowMs < deadlineMs,
        'progress once everything is healed',
        () => `${this.#replies} of ${this.#calls} calls are answered`,
      );
      this.#cluster.runUntil(schedule.nowMs + POLL_MS);
    }
    const failure = this.#failure;
    checkProperty(failure === undefined, 'calls of a calm cluster are carried out', () => failure ?? '');
  }

  #onResult(call: number, result: OperationResult): void {
    if (result.ok && result.type === 'added') this.ids[call] = result.id;
    else this.#failure ??= `call ${call}: ${JSON.stringify(result)}`;
    this.#replies += 1;
  }

  /** A request without a reply for too long is sent twice; the session that would recognize the first copy is gone. */
  #onError(call: number, error: Error): void {
    if (!(error instanceof SessionExpiredError)) this.#failure ??= `call ${call}: ${error.message}`;
    this.ids[call] = undefined;
    this.#replies += 1;
  }
}

/** The simulated nodes, as a client finds those of a real cluster. */
function endpointOf(cluster: SimCluster): ClusterEndpoint {
  const channels = new Map<number, ClientChannelHandlers>();
  cluster.attach(CONNECTION, (packet, node) => channels.get(node)?.onPacket(packet));
  return {
    nodeIds: () => [...cluster.nodes.keys()],
    openChannel: (node, handlers) => {
      channels.set(node, handlers);
      return { send: (packet) => cluster.sendToNode(CONNECTION, node, packet.slice()), close: () => channels.delete(node) };
    },
  };
}
