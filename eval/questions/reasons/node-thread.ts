import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { asDiskId, asNodeId } from '../../../src/base/ids.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { NodeRuntime } from '../../../src/node/node-runtime.ts';
import { PATTERN_TIMES } from '../../../src/patterns/pattern-times.ts';
import { openJobQueue } from '../../../src/queue/open-job-queue.ts';
import { RECORD_KINDS, RecordKind } from '../../../src/queue/record.ts';
import { configurationOf } from '../../../src/raft/entry.ts';
import { openMemoryStorage } from '../../../src/storage/memory-storage.ts';
import type { NodeStorage } from '../../../src/storage/port.ts';
import { openSqliteStorage } from '../../../src/storage/sqlite-storage.ts';
import { PortLinks } from '../../../src/transport/port-links.ts';
import type { NodeBoot, NodeCommand, NodeReply } from './node-boot.ts';
import { withOneEntryACommit } from './one-entry-a-commit.ts';
import { WholeFileDisk } from './whole-file-disk.ts';

/**
 * A node's thread of the evaluation: the production node, links and state machine, and the storage of a variant. `src/cluster/node-worker.ts`
 * is the production one. An error ends the thread.
 */
class NodeThread {
  readonly #peers: PortLinks;
  readonly #clients: PortLinks;
  readonly #storage: NodeStorage;
  readonly #node: NodeRuntime;
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #immediate: NodeJS.Immediate | undefined;
  #isOver = false;

  constructor(boot: NodeBoot) {
    const random = new SeededRandom(boot.seed);
    const onReadable = () => this.#turn();
    this.#peers = new PortLinks({
      random,
      onReadable,
      onFrame: (from, frame) => this.#node.receivePeerFrame(asNodeId(from), frame),
      onClosed: (peer) => this.#node.peerLost(asNodeId(peer)),
    });
    this.#clients = new PortLinks({
      random,
      onReadable,
      onFrame: (connection, packet) => this.#node.receiveClientPacket(connection, packet),
      onClosed: (connection) => this.#node.clientGone(connection),
    });
    this.#storage = openStorage(boot);
    this.#node = new NodeRuntime({
      id: asNodeId(boot.id),
      configuration: configurationOf({
        voters: boot.nodes.map(asNodeId),
        disks: boot.nodes.map((node) => ({ node: asNodeId(node), disk: asDiskId(node) })),
      }),
      raft: boot.raft,
      limits: boot.limits,
      isOneRelease: true,
      machine: openJobQueue({ limits: boot.limits, patternTimes: PATTERN_TIMES }),
      seed: boot.seed,
      storage: this.#storage,
      clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
      outlet: {
        sendToPeer: (to, frame) => this.#peers.send(to, frame),
        sendToClient: (connection, frame) => this.#clients.send(connection, frame),
      },
      observe: () => undefined,
    });
    for (const { node, port } of boot.peers) this.#peers.attach(node, port);
    this.#arm(this.#node.nextDeadlineMs);
  }

  onCommand(command: NodeCommand): void {
    if (command.type === 'client') this.#clients.attach(command.connection, command.port);
    else if (command.type === 'count') parentPort?.postMessage(this.#node.metrics.snapshot() satisfies NodeReply);
    else this.#stop();
  }

  #turn(): void {
    if (this.#isOver) return;
    this.#peers.drain();
    this.#clients.drain();
    this.#arm(this.#node.turn());
  }

  /** As the production thread does: a timer is kept while it fires early enough. */
  #arm(dueMs: number): void {
    if (this.#node.hasMore) this.#immediate ??= setImmediate(this.#onImmediate);
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(
      () => {
        this.#timerDueMs = Number.POSITIVE_INFINITY;
        this.#turn();
      },
      Math.max(0, dueMs - performance.now()),
    );
  }

  readonly #onImmediate = (): void => {
    this.#immediate = undefined;
    this.#turn();
  };

  #stop(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#peers.close();
    this.#clients.close();
    this.#node[Symbol.dispose]();
    this.#storage[Symbol.dispose]();
    parentPort?.close();
  }
}

function openStorage({ id, storage, folder }: NodeBoot): NodeStorage {
  if (storage === 'whole log') return openMemoryStorage({ recordKinds: RECORD_KINDS, disk: new WholeFileDisk(folder, id) });
  const sqlite = openSqliteStorage({
    file: join(folder, 'jobraft.db'),
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability: storage === 'no fsync' ? 'off' : 'full',
    newDiskId: id,
  });
  return storage === 'one entry a commit' ? withOneEntryACommit(sqlite) : sqlite;
}

// The only cast: this thread is started in one place, with this data.
const node = new NodeThread(workerData as NodeBoot);
parentPort?.on('message', (command: NodeCommand) => node.onCommand(command));
