import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ClusterConfig } from '../../src/config/cluster-config.ts';
import type { NodeOptions } from '../../src/server/index.ts';

/** The only argument of a process, as JSON: it hosts all nodes of a folder, or runs one node. */
export type ProcessTask =
  | {
      readonly type: 'host';
      readonly options: Pick<ClusterConfig, 'nodes' | 'durability' | 'raft' | 'limits'> & { readonly dataDir: string };
    }
  | { readonly type: 'node'; readonly options: NodeOptions };

const PROCESS_FILE = fileURLToPath(new URL('./node-process.js', import.meta.url));
const END_MS_MAX = 10_000;

/** A process that is stopped does not notice the end of this one. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A process that runs the nodes of one task. It ends with this process. */
export class TaskProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;

  /** @param env added to the environment. */
  constructor(task: ProcessTask, env: Readonly<Record<string, string>> = {}) {
    this.#child = fork(PROCESS_FILE, [JSON.stringify(task)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    running.add(this.#child);
    this.#exit = once(this.#child, 'exit').finally(() => running.delete(this.#child));
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended: its exit code, or the name of a signal. */
  get end(): string {
    return this.#child.signalCode ?? `exit code ${this.#child.exitCode}`;
  }

  /** Resolves once its nodes run. @throws when it ends before; it has printed why. */
  async ready(): Promise<void> {
    const ended = this.#exit.then(() => {
      throw new Error(`A process of the cluster ended before it was ready, ${this.end}. Its output above says why.`);
    });
    await Promise.race([once(this.#child, 'message'), ended]);
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
