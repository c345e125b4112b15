import { randomInt } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { DURATION_BOUNDS_MS, Histogram } from '../base/histogram.ts';
import { asDiskId, asNodeId } from '../base/ids.ts';
import { invariant } from '../base/invariant.ts';
import { SeededRandom } from '../base/random.ts';
import type { NodeLog } from '../logs/node-log.ts';
import { openNodeLog } from '../logs/node-log.ts';
import { type NodeSample, sampleNode } from '../metrics/node-sample.ts';
import { NodeRuntime } from '../node/node-runtime.ts';
import { PATTERN_TIMES } from '../patterns/pattern-times.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { openJobQueue } from '../queue/open-job-queue.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { configurationOf } from '../raft/entry.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import { openMemoryStorage } from '../storage/memory-storage.ts';
import { NO_ORIGIN } from '../storage/row-codec.ts';
import { segmentBytes } from '../storage/segment-files.ts';
import type { FileStorage } from '../storage/sqlite-storage.ts';
import { openedOn, openSqliteStorage } from '../storage/sqlite-storage.ts';
import { traceReplication } from '../tracing/span.ts';
import { ClientSockets } from '../transport/client-sockets.ts';
import { type LinksOptions, PortLinks } from '../transport/port-links.ts';
import { KillSwitch } from './kill-switch.ts';
import type { NodeBoot, NodeCommand, NodeReport, NodeSignal, ReportPart } from './node-boot.ts';
import { failureOf } from './node-failure.ts';
import { OWN_MEMORY } from './own-memory.ts';
import { threadCpuMs } from './thread-cpu.ts';
import { TurnLoop } from './turn-loop.ts';

const STOPPED = 'stopped by its owner';
/**
 * Clients on sockets have numbers from here on, those on ports lower ones. The start differs between the lives of a node, so that no reply
 * to a client of an earlier life reaches one of this life.
 */
const SOCKET_CONNECTIONS_FROM = 2 ** 32;
/** What a packet of a client may have beside its largest payload: a whole batch, see `ClientOptions.batchBytesMax`. */
const BATCH_BYTES_MAX = 65 * 1024 * 1024;

/** Thrown when a killed node would continue, so that it also leaves a turn in the middle. */
class NodeKilled extends Error {}

/** The entry of a node's thread, and the only place that chooses its adapters: SQLite or memory, MessagePorts, the clock, the log file. */
class NodeThread {
  readonly #boot: NodeBoot;
  readonly #owner: NonNullable<typeof parentPort>;
  readonly #killSwitch: KillSwitch;
  readonly #storage: FileStorage;
  readonly #log: NodeLog | undefined;
  readonly #peers: PortLinks;
  readonly #clients: PortLinks;
  readonly #sockets: ClientSockets | undefined;
  readonly #node: NodeRuntime<JobQueue>;
  readonly #loop: TurnLoop;
  readonly #writeMs = new Histogram(DURATION_BOUNDS_MS);
  #isOver = false;
  #isStopping = false;
  #handOverTimer: NodeJS.Timeout | undefined;

  constructor(boot: NodeBoot, owner: NonNullable<typeof parentPort>, killSwitch: KillSwitch) {
    this.#boot = boot;
    this.#owner = owner;
    this.#killSwitch = killSwitch;
    const random = new SeededRandom(boot.seed ^ 0x5f3759df);
    this.#peers = this.#newLinks(random, {
      onFrame: (from, frame) => this.#node.receivePeerFrame(asNodeId(from), frame),
      onClosed: (peer) => this.#node.peerLost(asNodeId(peer)),
    });
    this.#clients = this.#newLinks(random, {
      onFrame: (connection, packet) => this.#node.receiveClientPacket(connection, packet),
      onClosed: (connection) => this.#node.clientGone(connection),
    });
    this.#sockets = this.#socketsOf(boot);
    this.#log = boot.log === undefined ? undefined : openNodeLog({ node: boot.id, file: boot.log.file, level: boot.log.level });
    this.#storage = openStorage(boot, (tookMs) => this.#writeMs.observe(tookMs));
    this.#node = openedOn(this.#storage, () => this.#openNode(boot));
    this.#loop = new TurnLoop({ turn: () => this.#guard(() => this.#turn()), hasMore: () => this.#node.hasMore });
    this.#node.metrics.commits.onCommittedEntry = (entry) => traceReplication(boot.id, entry);
    owner.on('message', (command: NodeCommand) => this.#guard(() => this.#onCommand(command)));
    // An error outside of a turn ends the node like an error of a turn: with its file closed.
    process.on('uncaughtException', (error) => this.#fail(error));
    this.#loop.arm(this.#node.nextDeadlineMs);
    this.#signalGeneration(false);
    void this.#listen();
  }

  /** It is ready once it takes clients. */
  async #listen(): Promise<void> {
    try {
      await this.#sockets?.listen();
      if (!this.#isOver) this.#signal({ type: 'ready' });
    } catch (error) {
      this.#fail(error);
    }
  }

  #socketsOf({ id, clientSocket, limits }: NodeBoot): ClientSockets | undefined {
    if (clientSocket === undefined) return undefined;
    return new ClientSockets({
      path: clientSocket.path,
      folder: 'dataDir',
      node: id,
      cluster: clientSocket.cluster,
      packetBytesMax: limits.payloadBytesMax + BATCH_BYTES_MAX,
      firstConnection: SOCKET_CONNECTIONS_FROM * randomInt(1, 2 ** 20),
      onPacket: (connection, packet) => this.#node.receiveClientPacket(connection, packet),
      onGone: (connection) => this.#node.clientGone(connection),
      // After the other sockets that are readable now.
      onReadable: () => this.#loop.runSoon(),
    });
  }

  /** Frames that arrive, and partners that are gone, start a turn. */
  #newLinks(random: SeededRandom, { onFrame, onClosed }: Pick<LinksOptions, 'onFrame' | 'onClosed'>): PortLinks {
    const runTurn = () => this.#guard(() => this.#turn());
    return new PortLinks({
      random,
      onFrame,
      onReadable: runTurn,
      onClosed: (partner) => {
        onClosed(partner);
        runTurn();
      },
    });
  }

  #openNode(boot: NodeBoot): NodeRuntime<JobQueue> {
    return new NodeRuntime({
      id: asNodeId(boot.id),
      configuration: configurationOf({
        voters: boot.founders.map(({ node }) => asNodeId(node)),
        disks: boot.founders.map(({ node, disk }) => ({ node: asNodeId(node), disk: asDiskId(disk) })),
      }),
      raft: boot.raft,
      limits: boot.limits,
      isOneRelease: true,
      machine: openJobQueue({ patternTimes: PATTERN_TIMES, limits: boot.limits }),
      seed: boot.seed,
      storage: this.#storage,
      memory: OWN_MEMORY,
      clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
      outlet: {
        // A turn sends before and after its write: a kill may come before a write, or between a write and its acknowledgement.
        sendToPeer: (to, frame) => {
          this.#checkAlive();
          this.#peers.send(to, frame);
        },
        sendToClient: (connection, frame) => {
          this.#checkAlive();
          if (connection < SOCKET_CONNECTIONS_FROM) this.#clients.send(connection, frame);
          else this.#sockets?.send(connection, frame);
        },
      },
      observe: (event) => {
        this.#log?.observe(event);
        if (event.type === 'generation') this.#signalGeneration(true);
      },
    });
  }

  #onCommand(command: NodeCommand): void {
    switch (command.type) {
      case 'peer':
        this.#peers.attach(command.id, command.port);
        break;
      case 'client':
        this.#clients.attach(command.connection, command.port);
        break;
      case 'leaderless':
        this.#node.admin.expectNoLeader();
        this.#turn();
        break;
      case 'faults':
        this.#peers.setFaults(command.faults);
        break;
      case 'pause':
        this.#killSwitch.sleep(command.durationMs);
        break;
      case 'report':
        this.#signal({ type: 'report', call: command.call, report: this.#report(command.with) });
        break;
      case 'rebuild': {
        const rejection = this.#node.admin.rebuildRejection(command.node, command.question);
        const isLeader = this.#node.view.role === 'leader';
        this.#signal({ type: 'rebuild', call: command.call, isLeader, rejection });
        // The question may have begun a round of heartbeats.
        this.#turn();
        break;
      }
      case 'stop':
        this.#stop(command.handOver);
        break;
      case 'kill':
        this.#checkAlive();
        break;
    }
  }

  #turn(): void {
    if (this.#isOver) return;
    this.#peers.drain();
    this.#clients.drain();
    const dueMs = this.#node.turn();
    this.#sockets?.onTurn();
    if (this.#isStopping && this.#node.view.role !== 'leader') this.#end(STOPPED);
    else this.#loop.arm(dueMs);
  }

  /** A leader transfers leadership before it stops (thesis §3.10): its clients wait for a round trip, not for an election timeout. */
  #stop(handOver: boolean): void {
    this.#isStopping = true;
    if (!handOver || !this.#node.transferLeadership()) {
      this.#end(STOPPED);
      return;
    }
    this.#handOverTimer = setTimeout(() => this.#end(STOPPED), this.#boot.raft.electionTimeoutMs);
    this.#turn();
  }

  #report(part: ReportPart): NodeReport {
    const { role, term, disk, configuration } = this.#node.view;
    return {
      role,
      term,
      counters: this.#node.metrics.snapshot(),
      cpuMs: threadCpuMs(),
      state: part === 'digest' ? this.#node.digest() : undefined,
      sample: part === 'sample' ? this.#sample() : undefined,
      disk,
      voterDisks: configuration.disks,
    };
  }

  #sample(): NodeSample {
    return sampleNode({
      runtime: this.#node,
      file: this.#boot.file,
      segmentBytes: this.#boot.file === undefined ? 0 : segmentBytes(this.#boot.file),
      encryptionKey: this.#boot.keys?.[0].id,
      cpuMs: threadCpuMs(),
      eventLoopDelayMs: this.#loop.delayMs.snapshot(),
      writeMs: this.#writeMs.snapshot(),
      electionTimeoutMs: this.#boot.raft.electionTimeoutMs,
      withoutChannel: [],
    });
  }

  /** Any error of a turn ends the node: a failed write is never retried, and no turn runs after a broken invariant. */
  #guard(run: () => void): void {
    if (this.#isOver) return;
    try {
      this.#checkAlive();
      run();
    } catch (error) {
      // A kill in the middle of a write comes back as its failure.
      if (error instanceof NodeKilled || this.#killSwitch.isKilled) this.#crash();
      else this.#fail(error);
    }
  }

  /** @throws {NodeKilled} */
  #checkAlive(): void {
    if (this.#killSwitch.isKilled) throw new NodeKilled();
  }

  #end(reason: string): void {
    this.#leave(reason, () => {
      // Raised so that a copy taken while the node ran is older than the file.
      try {
        this.#node.generation.raiseAtEnd();
        this.#signalGeneration(false);
      } catch {
        // Those copies are then not detected; the previous generation is on disk.
      }
      this.#storage[Symbol.dispose]();
    });
  }

  #signalGeneration(isCheckpoint: boolean): void {
    const { generation, view } = this.#node;
    this.#signal({ type: 'generation', disk: view.disk, generation: generation.current, isCheckpoint });
  }

  /** After a failed write the state of the disk is unknown, so the file is left as it is. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#signal(failureOf(error, this.#boot.file));
    this.#leave(error instanceof Error ? error.message : String(error), () => this.#storage.closeWithoutCheckpoint());
  }

  #leave(reason: string, closeFile: () => void): void {
    this.#log?.observe({ type: 'stopped', node: asNodeId(this.#boot.id), atMs: performance.now(), reason });
    this.#close(closeFile);
    this.#log?.close();
    this.#owner.close();
  }

  /** As if the thread ended here: no line in its log, no write to its file, no timers. */
  #crash(): void {
    try {
      this.#close(() => this.#storage.closeWithoutCheckpoint());
    } finally {
      process.exit();
    }
  }

  #close(closeFile: () => void): void {
    this.#isOver = true;
    this.#loop[Symbol.dispose]();
    clearTimeout(this.#handOverTimer);
    this.#peers.close();
    this.#clients.close();
    this.#sockets?.[Symbol.dispose]();
    this.#node[Symbol.dispose]();
    closeFile();
    this.#killSwitch.markClosed();
  }

  #signal(signal: NodeSignal): void {
    this.#owner.postMessage(signal);
  }
}

function openStorage(boot: NodeBoot, onWritten: (tookMs: number) => void): FileStorage {
  if (boot.file === undefined) {
    const storage = openMemoryStorage({ recordKinds: RECORD_KINDS, disk: new MemoryDisk(boot.newDiskId) });
    const identity = { disk: asDiskId(boot.newDiskId), origin: NO_ORIGIN };
    return Object.assign(storage, { closeWithoutCheckpoint: () => storage[Symbol.dispose](), identity });
  }
  const { file, durability, keys, newDiskId, claims } = boot;
  return openSqliteStorage({
    file,
    recordKinds: RECORD_KINDS,
    entryKind: RECORD_KINDS[RecordKind.entry],
    durability,
    keys,
    newDiskId,
    onWritten,
    ...claims,
  });
}

invariant(parentPort !== null, () => 'node-worker runs in a worker thread only; use startCluster');
// The owner is the only one who starts this file, and its boot is checked there.
const boot = workerData as NodeBoot;
const killSwitch = new KillSwitch(boot.killSwitch);
try {
  // One that was killed before it began opens nothing.
  if (killSwitch.isKilled) parentPort.close();
  else new NodeThread(boot, parentPort, killSwitch);
} catch (error) {
  parentPort.postMessage(failureOf(error, boot.file));
  parentPort.close();
  killSwitch.markClosed();
}
