import { randomInt } from 'node:crypto';
import { lifeOf } from '../base/generation.ts';
import { DURATION_BOUNDS_MS, Histogram } from '../base/histogram.ts';
import { asDiskId, asNodeId } from '../base/ids.ts';
import type { RebuildReply } from '../cluster/rebuilds.ts';
import { TurnLoop } from '../cluster/turn-loop.ts';
import type { NodeConfig } from '../config/node-config.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { type NodeSample, sampleNode } from '../metrics/node-sample.ts';
import type { NodeEvent } from '../node/event.ts';
import { NodeRuntime } from '../node/node-runtime.ts';
import { nodeStatus } from '../node/node-status.ts';
import { PATTERN_TIMES } from '../patterns/pattern-times.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { openJobQueue } from '../queue/open-job-queue.ts';
import { RECORD_KINDS, RecordKind } from '../queue/record.ts';
import { configurationOf } from '../raft/entry.ts';
import { segmentBytes } from '../storage/segment-files.ts';
import { type FileStorage, openedOn, openSqliteStorage } from '../storage/sqlite-storage.ts';
import { traceReplication } from '../tracing/span.ts';
import type { PeerChannelEvents } from '../transport/port.ts';
import { BackupService } from './backup-service.ts';
import type { FormedCluster } from './formation.ts';
import type { NodeIdentity } from './node-identity.ts';
import { SplitTurn } from './split-turn.ts';

const MICROSECONDS_PER_MS = 1_000;

/** How a node sends to its peers and clients. */
export interface NodeOutlets {
  sendToPeer(to: number, frame: Uint8Array): void;
  sendToClient(connection: number, packet: Uint8Array): void;
  /** A turn is over: clients that were not read may be read again. */
  onTurn(): void;
  /** Peers that it has no channel to. */
  withoutChannel(): readonly number[];
  /** How often a bound of its clients was reached, by its name. */
  clientRejections(): Readonly<Record<string, number>>;
}

export interface RunningNodeOptions {
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  readonly formed: FormedCluster;
  readonly file: string;
  readonly keys: EncryptionKeys | undefined;
  readonly outlets: NodeOutlets;
  readonly observe: (event: NodeEvent) => void;
  /** The node has stopped by itself: a write failed, or an invariant is broken. */
  readonly onFailure: (error: unknown) => void;
}

/** A node in the event loop of this process, on its own file. */
export class RunningNode implements AsyncDisposable {
  readonly #options: RunningNodeOptions;
  readonly #storage: FileStorage;
  readonly #runtime: NodeRuntime<JobQueue>;
  readonly #loop: TurnLoop;
  /** The call Backup of its clients. */
  readonly backups: BackupService;
  readonly #writeMs = new Histogram(DURATION_BOUNDS_MS);
  readonly #turns = new SplitTurn({
    begin: () => this.#beginTurn(),
    finish: () => this.#finishTurn(),
    guard: (part) => this.#guard(part),
  });
  /** Since the turn began. */
  #hasSent = false;
  #isOver = false;

  /** @throws {StorageError} */
  constructor(options: RunningNodeOptions) {
    this.#options = options;
    const { config, identity, formed, file, keys } = options;
    this.#storage = openSqliteStorage({
      file,
      keys,
      recordKinds: RECORD_KINDS,
      entryKind: RECORD_KINDS[RecordKind.entry],
      durability: config.durability,
      newDiskId: identity.newDiskId,
      onWritten: (tookMs) => this.#writeMs.observe(tookMs),
      origin: { cluster: formed.cluster, founders: formed.founders },
      ...(config.durability === 'full' ? { life: lifeOf(randomInt(2 ** 47)) } : {}),
    });
    this.#runtime = openedOn(this.#storage, () => {
      identity.onFileMade();
      return this.#open();
    });
    this.backups = new BackupService({ file, keys, clusterId: formed.cluster, status: () => this.status });
    this.#runtime.metrics.commits.onCommittedEntry = (entry) => traceReplication(config.id, entry);
    this.#loop = new TurnLoop({ turn: () => this.#turns.run(), hasMore: () => this.#runtime.hasMore });
    this.#loop.arm(this.#runtime.nextDeadlineMs);
  }

  get runtime(): NodeRuntime<JobQueue> {
    return this.#runtime;
  }

  get status(): NodeStatus {
    return nodeStatus(this.#runtime.view, this.#runtime.applied);
  }

  /** For a scrape. */
  sample(): NodeSample {
    const { config, file, keys, outlets } = this.#options;
    const { user, system } = process.cpuUsage();
    return sampleNode({
      runtime: this.#runtime,
      file,
      segmentBytes: segmentBytes(file),
      encryptionKey: keys?.[0].id,
      cpuMs: (user + system) / MICROSECONDS_PER_MS,
      eventLoopDelayMs: this.#loop.delayMs.snapshot(),
      writeMs: this.#writeMs.snapshot(),
      electionTimeoutMs: config.raft.electionTimeoutMs,
      withoutChannel: outlets.withoutChannel(),
      clientRejections: outlets.clientRejections(),
    });
  }

  /** Where what arrives from peers is passed. */
  readonly events: PeerChannelEvents = {
    onParts: (from, parts, bytes) => this.#runtime.receivePeerFrame(asNodeId(from), parts, bytes),
    onLost: (peer) => this.#runtime.peerLost(asNodeId(peer)),
    onReadable: () => this.#loop.runSoon(),
  };

  /** Whether another node's file may be given up, which only a leader decides; it may begin a round of heartbeats. */
  rebuildReply(node: number, question: number): RebuildReply | undefined {
    this.#turns.finish();
    let reply: RebuildReply | undefined;
    this.#guard(() => {
      const rejection = this.#runtime.admin.rebuildRejection(node, question);
      reply = { isFromLeader: this.#runtime.view.role === 'leader', rejection };
      this.#loop.runSoon();
    });
    return reply;
  }

  runSoon(): void {
    this.#loop.runSoon();
  }

  /** Lets another node lead (thesis §3.10), then stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.backups[Symbol.dispose]();
    this.#turns.finish();
    if (!this.#isOver && this.#runtime.transferLeadership()) {
      this.#loop.runSoon();
      await this.#hasHandedOver();
    }
    this.#turns.finish();
    this.#end(() => {
      // Raised so that a copy taken while the node ran is older than the file.
      try {
        this.#runtime.generation.raiseAtEnd();
      } finally {
        this.#storage[Symbol.dispose]();
      }
    });
  }

  #open(): NodeRuntime<JobQueue> {
    const { config, formed, outlets, observe } = this.#options;
    return new NodeRuntime({
      id: asNodeId(config.id),
      configuration: configurationOf({
        voters: formed.founders.map(({ node }) => asNodeId(node)),
        disks: formed.founders.map(({ node, disk }) => ({ node: asNodeId(node), disk: asDiskId(disk) })),
      }),
      raft: config.raft,
      limits: config.limits,
      machine: openJobQueue({ patternTimes: PATTERN_TIMES, limits: config.limits, doClientsReturn: true }),
      seed: randomInt(2 ** 31),
      storage: this.#storage,
      clock: { monotonicMs: () => performance.now(), wallMs: () => Date.now() },
      outlet: {
        sendToPeer: (to, frame) => {
          this.#hasSent = true;
          outlets.sendToPeer(to, frame);
        },
        sendToClient: (connection, packet) => {
          this.#hasSent = true;
          outlets.sendToClient(connection, packet);
        },
      },
      observe,
    });
  }

  /** @returns whether it has sent anything. */
  #beginTurn(): boolean {
    this.#hasSent = false;
    this.#runtime.begin();
    return this.#hasSent;
  }

  #finishTurn(): void {
    const dueMs = this.#runtime.finish();
    this.#options.outlets.onTurn();
    this.#loop.arm(dueMs);
  }

  /** Any error of a turn ends the node: a failed write is never retried, and no turn runs after a broken invariant. */
  #guard(run: () => void): void {
    if (this.#isOver) return;
    try {
      run();
    } catch (error) {
      // The state of the disk is unknown, so the file is left as it is.
      this.#end(() => this.#storage.closeWithoutCheckpoint());
      this.#options.onFailure(error);
    }
  }

  #end(closeFile: () => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.backups[Symbol.dispose]();
    this.#turns[Symbol.dispose]();
    this.#loop[Symbol.dispose]();
    this.#runtime[Symbol.dispose]();
    closeFile();
  }

  async #hasHandedOver(): Promise<void> {
    const untilMs = performance.now() + this.#options.config.raft.electionTimeoutMs;
    while (!this.#isOver && this.#runtime.view.role === 'leader' && performance.now() < untilMs)
      await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
