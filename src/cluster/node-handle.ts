import type { MessagePort } from 'node:worker_threads';
import { Worker } from 'node:worker_threads';
import { JobraftError } from '../base/errors.ts';
import { StorageError, type StorageErrorCode } from '../storage/errors.ts';
import type { NodeBoot, NodeCommand, NodeReport, NodeSignal } from './node-boot.ts';

const WORKER_FILE = new URL('./node-worker.js', import.meta.url);

/** A node stopped by itself. What was acknowledged is still on a majority of the others. */
export class NodeFailedError extends JobraftError {
  override readonly code: string;
  override readonly outcome = 'unknown';

  constructor(node: number, signal: { readonly code: string; readonly message: string; readonly stack?: string | undefined }) {
    super(`Node ${node} stopped: ${signal.message}`);
    this.code = signal.code;
    if (signal.stack !== undefined) this.cause = signal.stack;
  }
}

/** One node's thread, seen from its owner. */
export class NodeHandle {
  readonly id: number;
  /** Resolves once the node has read its file and takes part; rejects when it cannot. */
  readonly ready: Promise<void>;
  /** Resolves when the thread is gone, however it ended. */
  readonly exited: Promise<void>;
  readonly #worker: Worker;
  readonly #reports = new Map<number, (report: NodeReport | undefined) => void>();
  #nextCall = 1;
  #isRunning = true;

  constructor(boot: NodeBoot, onFailure: (error: Error) => void) {
    this.id = boot.id;
    this.#worker = new Worker(WORKER_FILE, { workerData: boot, name: `jobraft node ${boot.id}` });
    let isReady = false;
    let failure: Error | undefined;
    this.ready = new Promise((resolve, reject) => {
      const fail = (error: Error) => {
        failure ??= error;
        if (isReady) onFailure(error);
        else reject(error);
      };
      this.#worker.on('message', (signal: NodeSignal) => {
        if (signal.type === 'ready') {
          isReady = true;
          resolve();
        } else if (signal.type === 'report') this.#onReport(signal.call, signal.report);
        else fail(errorOf(boot.id, signal));
      });
      this.#worker.on('error', (error) => fail(error));
      this.#worker.on('exit', () => {
        if (!isReady)
          reject(failure ?? new NodeFailedError(boot.id, { code: 'NODE_FAILED', message: 'its thread ended before it was ready' }));
      });
    });
    // Whoever awaits `ready` sees the failure; nobody has to.
    this.ready.catch(() => undefined);
    this.exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#isRunning = false;
        for (const settle of this.#reports.values()) settle(undefined);
        this.#reports.clear();
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  command(command: NodeCommand, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(command, transfer);
  }

  /** @returns undefined when the node ended before it could answer. */
  report(withDigest: boolean): Promise<NodeReport | undefined> {
    if (!this.#isRunning) return Promise.resolve(undefined);
    const call = this.#nextCall;
    this.#nextCall += 1;
    return new Promise((resolve) => {
      this.#reports.set(call, resolve);
      this.command({ type: 'report', call, withDigest });
    });
  }

  /** Orderly end. @param handOver whether a leader lets another node lead first. */
  async stop(handOver: boolean): Promise<void> {
    if (this.#isRunning) this.command({ type: 'stop', handOver });
    await this.exited;
  }

  /** Ends the thread wherever it stands. */
  async kill(): Promise<void> {
    this.#isRunning = false;
    await this.#worker.terminate();
    await this.exited;
  }

  #onReport(call: number, report: NodeReport): void {
    this.#reports.get(call)?.(report);
    this.#reports.delete(call);
  }
}

function errorOf(node: number, signal: Extract<NodeSignal, { type: 'failed' }>): Error {
  if (signal.name === 'StorageError') return new StorageError(signal.code as StorageErrorCode, `Node ${node}: ${signal.message}`);
  return new NodeFailedError(node, signal);
}
