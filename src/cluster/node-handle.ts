import type { MessagePort } from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import { describeValue } from '../base/describe-value.ts';
import { JobraftError, type Outcome } from '../base/errors.ts';
import { LogFileError } from '../logs/log-file-error.ts';
import { StorageError, type StorageErrorCode } from '../storage/errors.ts';
import { endWithProcess } from './end-with-process.ts';
import { KillSwitch } from './kill-switch.ts';
import type { NodeBoot, NodeCommand, NodeReport, NodeSignal, ReportPart } from './node-boot.ts';
import { isCodeMissing, NodeCodeMissingError, nodeThreadCode } from './node-code.ts';
import type { RebuildReply } from './rebuilds.ts';

/**
 * V8 bounds the young generation of a thread by three semi-spaces, each a power of two: 24 MiB is one of 8, 48 one of 16, 64 and 96 one of
 * 32. Without a limit 60 MiB of garbage accumulate, although the live heap of a node with few waiting jobs is 10 MiB. Time of collections
 * in the four threads of a cluster for each full cycle, and resident memory after half a million cycles (Node.js 24.21):
 *
 * | MiB         | 24        | 48        | 64        | 96        | default   |
 * | µs a cycle  | 3.0 - 3.6 | 2.1 - 2.7 | 1.8 - 1.9 | 1.5 - 2.2 | 1.4 - 1.7 |
 * | memory, MiB | 600       | 660       | 725       | 730       | 850 - 930 |
 */
const YOUNG_GENERATION_MIB_MAX = 64;
/**
 * How long a killed node may take to close its file. The longest uninterrupted work of a healthy thread is to read a million jobs: 0.9 s.
 */
const KILL_MS_MAX = 2_000;
/** How long a graceful stop may take before the node is killed. */
const STOP_MS_MAX = 5_000;
/**
 * How long a thread may take to end once it is terminated. One that waits for the operating system, as for a disk that hangs, does not end.
 */
const TERMINATE_MS_MAX = 2_000;

/** How long a node may take to report its status and to hash its state. A node whose thread is blocked does not reply. */
const REPORT_MS_MAX = 1_000;
const DIGEST_MS_MAX = 60_000;

const ENDED_EARLY = 'its thread ended before it was ready. Start it again: cluster.restart(node).';
/** V8's heap of the thread is full. It does not include SQLite's memory and buffers. */
const OUT_OF_MEMORY =
  "its thread's heap is full. Give Node.js more memory (node --max-old-space-size=<MiB>), keep fewer jobs (removeOnComplete, removeOnFail, " +
  'removeJob()), or put large data elsewhere and its address into the job; then start the node again: cluster.restart(node).';

/** A node stopped by itself, or could not start. Acknowledged data is still on a majority of the others. */
export class NodeFailedError extends JobraftError {
  override readonly code: string;
  /** The outcome of the calls to the node; `not-applied` for a node that had not started. */
  override readonly outcome: Outcome;

  constructor(
    node: number,
    signal: { readonly code: string; readonly message: string; readonly stack?: string | undefined },
    outcome: Outcome = 'unknown',
  ) {
    super(`Node ${node} stopped: ${signal.message}`);
    this.code = signal.code;
    this.outcome = outcome;
    if (signal.stack !== undefined) this.cause = signal.stack;
  }
}

/** A node's thread cannot be ended: it is blocked in a system call. It holds its file until the call returns. */
export class NodeStuckError extends JobraftError {
  override readonly code = 'NODE_STUCK';
  override readonly outcome = 'unknown';
  readonly node: number;

  constructor(node: number) {
    super(
      `The thread of node ${node} does not end: it is blocked in a call of the operating system, as by a disk that hangs. Its file stays in ` +
        'use meanwhile. Free what it waits for, and call again; or end the process.',
    );
    this.node = node;
  }
}

/** The owner's handle of one node's thread. */
export class NodeHandle {
  readonly id: number;
  /** Resolves once the node has read its file and takes part; rejects when it cannot start. */
  readonly ready: Promise<void>;
  /** Resolves when the thread has ended, for whatever reason. */
  readonly exited: Promise<void>;
  readonly #worker: Worker;
  readonly #killSwitch: KillSwitch;
  readonly #reports = new Map<number, (report: NodeReport | undefined) => void>();
  readonly #rebuildReplies = new Map<number, (reply: RebuildReply | undefined) => void>();
  #nextCall = 1;
  #isRunning = true;
  /** A report was not answered in time, and still is not. */
  #isOverdue = false;
  #isReady = false;
  readonly #notReady: (error: Error) => void;
  #failure: Error | undefined;

  constructor(
    options: Omit<NodeBoot, 'killSwitch'>,
    onFailure: (error: Error) => void,
    onGeneration: (signal: Extract<NodeSignal, { type: 'generation' }>) => void = () => {},
  ) {
    const boot: NodeBoot = { ...options, killSwitch: KillSwitch.memory() };
    this.id = boot.id;
    this.#killSwitch = new KillSwitch(boot.killSwitch);
    const { code, isSource } = nodeThreadCode();
    this.#worker = new Worker(code, {
      eval: isSource,
      workerData: boot,
      name: `jobraft node ${boot.id}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB_MAX },
    });
    let notReady: (error: Error) => void = () => undefined;
    this.ready = new Promise((resolve, reject) => {
      notReady = reject;
      const fail = (error: Error) => {
        this.#failure ??= error;
        if (this.#isReady) onFailure(error);
        else reject(error);
      };
      const outcome = (): Outcome => (this.#isReady ? 'unknown' : 'not-applied');
      this.#worker.on('message', (signal: NodeSignal) => {
        if (signal.type === 'ready') {
          this.#isReady = true;
          resolve();
        } else if (signal.type === 'report') this.#onReport(signal.call, signal.report);
        else if (signal.type === 'generation') onGeneration(signal);
        else if (signal.type === 'rebuild')
          this.#onRebuildReply(signal.call, { isFromLeader: signal.isLeader, rejection: signal.rejection });
        else fail(errorOf(boot.id, signal, outcome()));
      });
      this.#worker.on('error', (error) => fail(errorOfThread(boot.id, error, outcome())));
      this.#worker.on('exit', () => {
        if (!this.#isReady)
          reject(this.#failure ?? new NodeFailedError(boot.id, { code: 'NODE_FAILED', message: ENDED_EARLY }, 'not-applied'));
      });
    });
    this.#notReady = notReady;
    // A caller that awaits `ready` sees the failure; no caller has to.
    this.ready.catch(() => undefined);
    const endedWithProcess = endWithProcess({
      kill: () => this.#requestKill(),
      waitUntilClosed: (timeoutMs) => this.#killSwitch.waitUntilClosed(timeoutMs),
    });
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#isRunning = false;
        endedWithProcess[Symbol.dispose]();
        for (const settle of this.#reports.values()) settle(undefined);
        this.#reports.clear();
        for (const settle of this.#rebuildReplies.values()) settle(undefined);
        this.#rebuildReplies.clear();
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** The error that stopped the node, if it stopped by itself. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  command(command: NodeCommand, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  /**
   * @returns undefined when the node ended before it could reply, or did not reply in time: from then on at once, until its thread goes on,
   * and while it reads its file at the start.
   */
  report(part: ReportPart): Promise<NodeReport | undefined> {
    if (!this.#isReady || !this.#isRunning || this.#isOverdue) return Promise.resolve(undefined);
    const call = this.#nextCall;
    this.#nextCall += 1;
    // After a pause of the event loop timers run before the reports that arrived meanwhile are read.
    const giveUp = (): void => {
      if (this.#reports.has(call)) this.#isOverdue = true;
      this.#settleReport(call, undefined);
    };
    return new Promise((resolve) => {
      const timer = setTimeout(() => setImmediate(giveUp), part === 'digest' ? DIGEST_MS_MAX : REPORT_MS_MAX);
      this.#reports.set(call, (report) => {
        clearTimeout(timer);
        resolve(report);
      });
      this.command({ type: 'report', call, with: part });
    });
  }

  /**
   * Asks whether the file of `node` may be given up.
   * @returns undefined when this node ended, or did not reply in time; at once while its thread is blocked, or reads its file at the start.
   */
  rebuildReply(node: number, question: number): Promise<RebuildReply | undefined> {
    if (!this.#isReady || !this.#isRunning || this.#isOverdue) return Promise.resolve(undefined);
    const call = this.#nextCall;
    this.#nextCall += 1;
    return new Promise((resolve) => {
      const timer = setTimeout(() => setImmediate(() => this.#onRebuildReply(call, undefined)), REPORT_MS_MAX);
      this.#rebuildReplies.set(call, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      this.command({ type: 'rebuild', call, node, question });
    });
  }

  /**
   * Graceful stop; a node that has not ended after five seconds is killed. @param handOver whether a leader first transfers leadership.
   * @throws {NodeStuckError}
   */
  async stop(handOver: boolean): Promise<void> {
    if (this.#isRunning) this.command({ type: 'stop', handOver });
    if (!(await this.#hasExitedWithin(STOP_MS_MAX))) await this.kill();
  }

  /** Ends the thread at once, without a last write, like a crash of the node alone. @throws {NodeStuckError} */
  async kill(): Promise<void> {
    this.#isRunning = false;
    this.#requestKill();
    if (await this.#hasExitedWithin(KILL_MS_MAX)) return;
    void this.#worker.terminate();
    if (await this.#hasExitedWithin(TERMINATE_MS_MAX)) return;
    const error = new NodeStuckError(this.id);
    this.#notReady(error);
    throw error;
  }

  #requestKill(): void {
    this.#killSwitch.kill();
    this.command({ type: 'kill' });
  }

  async #hasExitedWithin(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const isLate = new Promise<false>((resolve) => {
      // After a pause of the event loop timers run before the exit of the thread is seen.
      timer = setTimeout(() => setImmediate(() => resolve(false)), timeoutMs);
    });
    const hasExited = await Promise.race([this.exited.then(() => true), isLate]);
    clearTimeout(timer);
    return hasExited;
  }

  #onRebuildReply(call: number, reply: RebuildReply | undefined): void {
    this.#rebuildReplies.get(call)?.(reply);
    this.#rebuildReplies.delete(call);
  }

  #onReport(call: number, report: NodeReport): void {
    this.#isOverdue = false;
    this.#settleReport(call, report);
  }

  #settleReport(call: number, report: NodeReport | undefined): void {
    this.#reports.get(call)?.(report);
    this.#reports.delete(call);
  }
}

function errorOf(node: number, signal: Extract<NodeSignal, { type: 'failed' }>, outcome: Outcome): JobraftError {
  const message = `Node ${node}: ${signal.message}`;
  if (signal.name === 'StorageError') return new StorageError(signal.code as StorageErrorCode, message, { outcome });
  if (signal.name === 'LogFileError') return new LogFileError(message);
  return new NodeFailedError(node, signal, outcome);
}

/** For errors that the thread itself could not report: its code could not be loaded, its memory is exhausted. */
export function errorOfThread(node: number, error: unknown, outcome: Outcome): JobraftError {
  if (isCodeMissing(error)) return new NodeCodeMissingError(error.message, { cause: error });
  const { message, stack } = error instanceof Error ? error : new Error(describeValue(error));
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'NODE_FAILED';
  if (code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new NodeFailedError(node, { code: 'NODE_OUT_OF_MEMORY', message: OUT_OF_MEMORY, stack }, outcome);
  return new NodeFailedError(node, { code, message, stack }, outcome);
}
