import { asDiskId, asNodeId } from '../base/ids.ts';
import type { Schedule } from '../base/schedule.ts';
import { LIMIT_DEFAULTS } from '../config/limits.ts';
import { NodeRuntime } from '../node/node-runtime.ts';
import type { Clock } from '../node/ports.ts';
import { TurnSchedule } from '../node/turn-schedule.ts';
import { PATTERN_TIMES } from '../patterns/pattern-times.ts';
import type { JobQueue } from '../queue/job-queue.ts';
import { openJobQueue } from '../queue/open-job-queue.ts';
import { RECORD_KINDS } from '../queue/record.ts';
import { raftConfig } from '../raft/config.ts';
import { configurationOf } from '../raft/entry.ts';
import { MemoryDisk } from '../storage/memory-disk.ts';
import { openMemoryStorage } from '../storage/memory-storage.ts';
import type { Transport } from '../transport/port.ts';

/**
 * Elections take virtual time only, so timeouts may be long: an hour has fewer heartbeats. A leader must read its clock once a second, or
 * the log's clock does not count all of the time.
 */
const RAFT = raftConfig({ heartbeatMs: 1_000, electionTimeoutMs: 4_000 });

export interface InProcessNodeOptions {
  readonly id: number;
  readonly nodes: readonly number[];
  readonly seed: number;
  readonly schedule: Schedule;
  readonly clock: Clock;
  readonly transport: Transport;
  /** A turn threw: the node has ended. */
  readonly onFailed: (error: unknown) => void;
}

/** The production node in the caller's thread, on a disk in memory. It takes its turns in virtual time. */
export class InProcessNode {
  readonly id: number;
  readonly #runtime: NodeRuntime<JobQueue>;
  readonly #turns: TurnSchedule;
  readonly #schedule: Schedule;
  readonly #onFailed: (error: unknown) => void;
  #isRunning = true;

  constructor({ id, nodes, seed, schedule, clock, transport, onFailed }: InProcessNodeOptions) {
    this.id = id;
    this.#schedule = schedule;
    this.#onFailed = onFailed;
    this.#turns = new TurnSchedule(schedule, () => this.#turn());
    this.#runtime = new NodeRuntime({
      id: asNodeId(id),
      configuration: configurationOf({
        voters: nodes.map(asNodeId),
        disks: nodes.map((node) => ({ node: asNodeId(node), disk: asDiskId(node) })),
      }),
      raft: RAFT,
      limits: LIMIT_DEFAULTS,
      isOneRelease: true,
      machine: openJobQueue({ patternTimes: PATTERN_TIMES, limits: LIMIT_DEFAULTS }),
      seed,
      storage: openMemoryStorage({ recordKinds: RECORD_KINDS, disk: new MemoryDisk(id) }),
      clock,
      outlet: transport,
      observe: () => undefined,
    });
    this.#turns.wake(this.#runtime.nextDeadlineMs);
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** It leads, and has applied an entry of its term. */
  get isLeader(): boolean {
    const { role, term, log } = this.#runtime.view;
    return this.#isRunning && role === 'leader' && log.termAt(this.#runtime.applied) === term;
  }

  /** Its replica of the queues. */
  get machine(): JobQueue {
    return this.#runtime.machine;
  }

  receivePeerFrame(from: number, frame: Uint8Array): void {
    this.#runtime.receivePeerFrame(asNodeId(from), frame);
    this.#wake();
  }

  receiveClientPacket(connection: number, packet: Uint8Array): void {
    this.#runtime.receiveClientPacket(connection, packet);
    this.#wake();
  }

  onClientGone(connection: number): void {
    this.#runtime.clientGone(connection);
    this.#wake();
  }

  stop(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#turns.stop();
    this.#runtime[Symbol.dispose]();
  }

  #wake(): void {
    if (this.#isRunning) this.#turns.wake(this.#schedule.nowMs);
  }

  #turn(): void {
    try {
      this.#turns.wake(this.#runtime.turn());
    } catch (error) {
      this.stop();
      this.#onFailed(error);
    }
  }
}
