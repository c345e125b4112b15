import type { EntryId } from '../base/ids.ts';
import { HistoryRecorder } from '../history/history.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { Entry } from '../raft/entry.ts';
import { openSessions } from './crowd.ts';
import { endProcess } from './end-process.ts';
import { jobQueueOf } from './job-queue-of.ts';
import { watchLiveness } from './liveness.ts';
import type { MachineClients, Receiver } from './machine-clients.ts';
import { checkQueueHistory } from './queue-history.ts';
import type { QueueRecords } from './queue-records.ts';
import { watchRenewal } from './renewal.ts';
import { SessionModel } from './session-model.ts';
import { SimClient } from './sim-client.ts';
import type { SimCluster } from './sim-cluster.ts';
import { SimRandom } from './sim-random.ts';
import { watchTrims } from './trims.ts';

/** By then most openings are applied. */
const LATE_COPIES_AFTER_MS = 1_000;

/** All clients of a cluster that simulates the queue. */
export class SimClients implements MachineClients {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #clients: readonly SimClient[];
  readonly #records: QueueRecords;

  constructor(cluster: SimCluster, random: SimRandom) {
    this.#cluster = cluster;
    this.#random = random;
    const { clients, operations, bounds } = cluster.plan;
    const history = new HistoryRecorder({ nowUs: () => Math.floor(cluster.schedule.nowMs * 1_000) });
    this.#records = { history, sessions: new SessionModel(bounds), read: new Map(), jobs: new Map(), kept: new Set(), transactions: [] };
    const ids = Array.from({ length: clients }, (_, at) => 101 + at);
    this.#clients = ids.map((id) => new SimClient(cluster, id, new SimRandom(random.uint32()), this.#records, operations));
  }

  /** How many have requests in flight. */
  get waiting(): number {
    return this.#clients.filter((client) => !client.isIdle).length;
  }

  get events(): number {
    return this.#records.history.events.length;
  }

  get acknowledged(): number {
    return this.#records.history.events.filter(({ f, type }) => f === 'add' && type === 'ok').length;
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

  receiverOf(connection: number): Receiver | undefined {
    for (const client of this.#clients) {
      const receiver = client.receiverOf(connection);
      if (receiver !== undefined) return receiver;
    }
    return undefined;
  }

  /** Behind the openings, the recently sent requests of all clients arrive once more. */
  crowd(): void {
    if (!openSessions(this.#cluster)) return;
    this.#cluster.schedule.after(LATE_COPIES_AFTER_MS, () => {
      for (const client of this.#clients) client.sendLateCopies();
    });
  }

  onWritten(entries: readonly Entry[]): void {
    this.#records.sessions.onWritten(entries);
  }

  onCommitted(id: EntryId): void {
    this.#records.sessions.onCommitted(id);
  }

  afterTurn(runtime: NodeRuntime): void {
    if (this.#cluster.plan.bounds.duePerEntryMax === undefined) return;
    const { nextWallDueMs, nextLeaseEndMs = Number.POSITIVE_INFINITY, wallMs, logMs } = jobQueueOf(runtime);
    if (nextWallDueMs <= wallMs || nextLeaseEndMs <= logMs) this.#cluster.coverage.add('more due than one entry takes');
  }

  watch(): void {
    watchLiveness(this.#cluster);
    watchTrims(this.#cluster);
    watchRenewal(this.#cluster);
  }

  checkEnd(): void {
    checkQueueHistory(this.#cluster, this.#records);
  }

  /** A client's process ends, and each node notices it separately. */
  hangUp(which: number): void {
    const client = this.#clients[which % this.#clients.length];
    if (client !== undefined) endProcess(this.#cluster, this.#random, client);
  }
}
