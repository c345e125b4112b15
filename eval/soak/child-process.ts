import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildReport, ChildSettings, SoakAction } from './messages.ts';

const START_TIMEOUT_MS = 60_000;

interface Waiting {
  readonly resolve: (report: Extract<ChildReport, { readonly type: 'done' }>) => void;
  readonly reject: (error: Error) => void;
}

/** The process under test, from the driver's side. */
export class ProcessUnderTest {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  readonly #exited: Promise<unknown>;
  readonly #onNodeFailure: (error: string) => void;
  #onReady: (() => void) | undefined;
  #onEnd: ((error: Error) => void) | undefined;
  #nextId = 1;

  private constructor(settings: ChildSettings, onNodeFailure: (error: string) => void) {
    this.#onNodeFailure = onNodeFailure;
    const entry = fileURLToPath(new URL('./child.js', import.meta.url));
    this.#process = fork(entry, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#exited = once(this.#process, 'exit');
    this.#process.on('message', (report: ChildReport) => this.#onReport(report));
    this.#process.on('exit', (code, signal) => this.#fail(new Error(`The process under test ended (code ${code}, signal ${signal}).`)));
  }

  /** Resolves once the cluster has a leader and the load runs. */
  static async start(settings: ChildSettings, onNodeFailure: (error: string) => void): Promise<ProcessUnderTest> {
    const child = new ProcessUnderTest(settings, onNodeFailure);
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
  async perform(action: SoakAction, timeoutMs: number): Promise<{ readonly detail: string; readonly nodes: number }> {
    const id = this.#nextId;
    this.#nextId += 1;
    const done = new Promise<{ readonly detail: string; readonly nodes: number }>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, ...action });
    });
    return within(timeoutMs, action.type, done);
  }

  /** SIGKILL: no thread of it does anything more. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#exited;
  }

  #onReport(report: ChildReport): void {
    if (report.type === 'ready') {
      this.#onReady?.();
      return;
    }
    if (report.type === 'node-failure') {
      this.#onNodeFailure(report.error);
      return;
    }
    const waiting = this.#waiting.get(report.id);
    this.#waiting.delete(report.id);
    if (report.type === 'done') waiting?.resolve(report);
    else waiting?.reject(new Error(report.error));
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
