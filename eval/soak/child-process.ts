import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildReport, ChildSettings, Done, SoakAction } from './messages.ts';

const START_TIMEOUT_MS = 60_000;

interface Waiting {
  readonly resolve: (report: Done) => void;
  readonly reject: (error: Error) => void;
}

/** Messages that the process sends without a request. */
export type Notice = Exclude<ChildReport, { readonly type: 'ready' | 'rejected' | 'done' | 'failed' }>;

/** The cluster did not start. */
export class StartRejected extends Error {
  /** A JobraftError's code. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(`The cluster did not start (${code}): ${message}`);
    this.code = code;
  }
}

/** The process under test, from the driver's side. */
export class ProcessUnderTest {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<unknown>;
  readonly #onNotice: (notice: Notice) => void;
  #onReady: (() => void) | undefined;
  #onEnd: ((error: Error) => void) | undefined;
  #nextId = 1;

  private constructor(settings: ChildSettings, onNotice: (notice: Notice) => void) {
    this.#onNotice = onNotice;
    const entry = fileURLToPath(new URL('./child.js', import.meta.url));
    this.#process = fork(entry, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('message', (report: ChildReport) => this.#onReport(report));
    this.#process.on('exit', (code, signal) => this.#fail(new Error(`The process under test ended (code ${code}, signal ${signal}).`)));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Resolves once the cluster has a leader and the load runs. @throws {StartRejected} */
  static async start(settings: ChildSettings, onNotice: (notice: Notice) => void): Promise<ProcessUnderTest> {
    const child = new ProcessUnderTest(settings, onNotice);
    const ready = new Promise<void>((resolve, reject) => {
      child.#onReady = resolve;
      child.#onEnd = reject;
    });
    try {
      await within(START_TIMEOUT_MS, 'the cluster to start', ready);
    } catch (error) {
      await child.kill();
      throw error;
    }
    return child;
  }

  /** @throws when it cannot be done, is not done in time, or the process ends. */
  async perform(action: SoakAction, timeoutMs: number): Promise<Done> {
    const id = this.#nextId;
    this.#nextId += 1;
    const done = new Promise<Done>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, ...action });
    });
    return within(timeoutMs, action.type, done);
  }

  /** SIGKILL: all its threads end at once. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #onReport(report: ChildReport): void {
    switch (report.type) {
      case 'ready':
        this.#onReady?.();
        break;
      case 'rejected':
        this.#onEnd?.(new StartRejected(report.code, report.error));
        break;
      case 'done':
      case 'failed': {
        const waiting = this.#waiting.get(report.id);
        this.#waiting.delete(report.id);
        if (report.type === 'done') waiting?.resolve(report);
        else waiting?.reject(new Error(report.error));
        break;
      }
      default:
        this.#onNotice(report);
    }
  }

  #fail(error: Error): void {
    this.#onEnd?.(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not done within ${timeoutMs} ms: ${what}.`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
