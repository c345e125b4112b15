import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { eventually } from './support.ts';

const built = resolve(import.meta.dirname, '../../dist/src/index.js');
const fixture = resolve(import.meta.dirname, 'fixtures/shared-process.mjs');

export interface Message {
  readonly done?: string;
  readonly added?: string;
  readonly failed?: number;
  readonly begun?: string;
  readonly completed?: string;
  readonly workerError?: string;
  readonly atMs?: number;
  readonly n?: number;
  readonly isHost?: boolean;
  readonly ids?: readonly string[];
  readonly code?: string;
  readonly outcome?: string;
  readonly error?: { readonly name: string; readonly code: string; readonly outcome: string; readonly message: string };
}

/** Another process that shares a cluster. It is killed at the end of the test, if it still runs. */
export class SharedProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly messages: Message[] = [];
  /** What it wrote to its error output. */
  errorOutput = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (message) => this.messages.push(message as Message));
    child.stderr?.on('data', (chunk) => {
      this.errorOutput += String(chunk);
    });
  }

  static async start(dataDir: string): Promise<SharedProcess> {
    const started = new SharedProcess(fork(fixture, [built, dataDir], { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] }));
    await eventually('the process has started', async () => started.messages.some(({ done }) => done === 'start'));
    return started;
  }

  /** Starts a process that has the cluster open. */
  static async opened(dataDir: string, options: object = {}): Promise<SharedProcess> {
    const started = await SharedProcess.start(dataDir);
    const { error } = await started.call('open', options);
    if (error !== undefined) throw new Error(`${error.name}: ${error.message}`);
    return started;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Sends a call, without waiting for its end. */
  post(call: string, options: object = {}): void {
    this.#child.send({ call, ...options });
  }

  /** @returns the message with which the call ended. */
  async call(call: string, options: object = {}): Promise<Message> {
    const before = this.messages.length;
    this.post(call, options);
    return await eventually(`the process has done "${call}"`, async () => this.messages.slice(before).find(({ done }) => done === call));
  }

  async isHost(): Promise<boolean> {
    return (await this.call('isHost')).isHost === true;
  }

  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    const exited = this.exited();
    this.signal('SIGKILL');
    await exited;
  }

  /** Resolves once the process has ended. @returns its exit code. */
  async exited(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}
