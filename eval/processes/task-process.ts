import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import type { NodeOptions } from '../../src/server/index.ts';

/** The only argument of a process, as JSON: it hosts all nodes of a folder, or runs one node. */
export type ProcessTask =
  | {
      readonly type: 'host';
      readonly options: Pick<ClusterConfig, 'nodes' | 'durability'> &
        Partial<Pick<ClusterConfig, 'raft' | 'limits'>> & { readonly dataDir: string };
    }
  | { readonly type: 'node'; readonly options: NodeOptions };

/** What the process sends once its nodes run. */
export interface ReadyMessage {
  readonly type: 'ready';
  /** Its time of day, in milliseconds. */
  readonly wallMs: number;
}

const PROCESS_FILE = fileURLToPath(new URL('./node-process.js', import.meta.url));
const END_MS_MAX = 10_000;
const ERROR_CHARACTERS_MAX = 4_000;

/** A process that is stopped does not notice the end of this one. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface TaskProcessOptions {
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What the process runs. Its first message is a {@link ReadyMessage}. Default: the nodes of its task. */
  readonly file?: string;
  /** Receives what it sends after that. */
  readonly onMessage?: (message: unknown) => void;
}

/** A process with one task. It ends with this process. */
export class TaskProcess<Task = ProcessTask> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #ready: Promise<void>;
  #errorOutput = '';
  #clockAheadMs = 0;

  constructor(task: Task, { env = {}, file = PROCESS_FILE, onMessage }: TaskProcessOptions = {}) {
    this.#child = fork(file, [JSON.stringify(task)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.#errorOutput = `${this.#errorOutput}${chunk}`.slice(-ERROR_CHARACTERS_MAX);
    });
    this.#ready = new Promise((resolve) => {
      this.#child.once('message', (ready) => {
        this.#clockAheadMs = (ready as ReadyMessage).wallMs - Date.now();
        if (onMessage !== undefined) this.#child.on('message', onMessage);
        resolve();
      });
    });
    running.add(this.#child);
    // The event 'close' is not emitted after a disconnect of this side.
    const ends = [once(this.#child, 'exit'), ...(this.#child.stderr === null ? [] : [once(this.#child.stderr, 'close')])];
    this.#exit = Promise.all(ends).finally(() => running.delete(this.#child));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** By how much its time of day was later than that of this process when it was ready. */
  get clockAheadMs(): number {
    return this.#clockAheadMs;
  }

  /** How it ended: its exit code, or the name of a signal; and what it printed last. */
  get endText(): string {
    return `${this.#child.signalCode ?? `exit code ${this.#child.exitCode}`} ${this.#errorOutput.trim()}`.trim();
  }

  get isKilled(): boolean {
    return this.#child.signalCode === 'SIGKILL';
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Nothing happens once it has ended. */
  send(message: object): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Resolves once its nodes run. @throws when it ends before. */
  async ready(): Promise<void> {
    const ended = this.#exit.then(() => {
      throw new Error(`A process of the cluster ended before it was ready: ${this.endText}`);
    });
    await Promise.race([this.#ready, ended]);
    ended.catch(() => undefined);
  }

  /** Resolves when it has ended. */
  async exited(): Promise<void> {
    await this.#exit;
  }

  /** SIGKILL: the system closes its sockets, by which the others notice. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  /** SIGSTOP: it does nothing until {@link resume}, and its sockets stay open. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  /** SIGCONT. */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** Lets it close its nodes, also when it is paused; if it does not end in time it is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.isRunning) return;
    this.resume();
    if (this.#child.connected) this.#child.disconnect();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), END_MS_MAX);
    await this.#exit;
    clearTimeout(late);
  }
}
