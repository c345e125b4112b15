import { fileURLToPath } from 'node:url';
import { messageOf } from '../measuring/user-error.ts';
import type { Build } from './builds.ts';
import type { ClientReport, ClientSettings } from './messages.ts';
import { type ManagedProcess, type Processes, until } from './processes.ts';
import { type Rejection, rejectionIn } from './verdict.ts';

/** Jobs that a client adds, and completes, before a step counts as survived. */
const PROGRESS = 50;

/** A process with the client of one build, from the side of its parent. */
export class ClientProcess {
  readonly build: Build;
  readonly #process: ManagedProcess;
  readonly added: string[] = [];
  completed = 0;
  #isOpen = false;
  #hasStopped = false;
  #longestAddMs = 0;
  readonly #errors: (ClientReport & { readonly type: 'error' })[] = [];

  constructor(build: Build, cluster: ClientSettings['cluster'], processes: Processes) {
    this.build = build;
    const settings: ClientSettings = { root: build.root, cluster };
    const entry = fileURLToPath(new URL('./client.js', import.meta.url));
    this.#process = processes.start(`The client of the ${build.name} build`, process.execPath, [entry, JSON.stringify(settings)], {
      onMessage: (message) => this.#onReport(message as ClientReport),
    });
  }

  /** @returns the longest time of an add that was acknowledged since the call before: it adds one job after the other. */
  takeLongestAddMs(): number {
    const longestMs = this.#longestAddMs;
    this.#longestAddMs = 0;
    return longestMs;
  }

  /** By which it says that its build does not go together with the cluster. */
  get rejection(): Rejection | undefined {
    return this.#errors.map(({ text }) => rejectionIn(text)).find((found) => found !== undefined);
  }

  /** What must not happen to a client: a lost add, a node that stops, an end by itself. Its worker repeats its own calls. */
  get faults(): string[] {
    const errors = this.#errors.filter(({ of }) => of !== 'work').map(({ of, text }) => `${this.#process.name}: ${of} rejected: ${text}`);
    return this.#process.isRunning || this.#process.exitCode === 0 || errors.length > 0 ? errors : [this.#process.endText];
  }

  /** Resolves once it uses the cluster, or has been rejected. @throws if it ends or hangs. */
  async opened(): Promise<void> {
    await this.#until('uses the cluster', () => this.#isOpen);
  }

  /** Resolves once it has added and completed more jobs, or has been rejected. @throws if it ends or hangs. */
  async progressed(): Promise<void> {
    const [added, completed] = [this.added.length + PROGRESS, this.completed + PROGRESS];
    await this.#until(`adds and completes ${PROGRESS} more jobs`, () => this.added.length >= added && this.completed >= completed);
  }

  async stopAdding(): Promise<void> {
    this.#process.send('stop-adding');
    await this.#until('ends its last add', () => this.#hasStopped);
  }

  /** Leaves the cluster, and ends. @throws if it does not do so by itself. */
  async close(): Promise<void> {
    this.#process.send('close');
    if (!(await this.#process.ended())) throw new Error(`${this.#process.name} did not leave the cluster: ${this.#lastErrors()}`);
  }

  kill(): void {
    this.#process.kill();
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    try {
      await until(`${this.#process.name} ${what}`, () => {
        if (isSo() || this.rejection !== undefined) return true;
        if (!this.#process.isRunning) throw new Error(this.#process.endText);
        return false;
      });
    } catch (cause) {
      throw new Error(`${messageOf(cause)} ${this.#lastErrors()}`.trim(), { cause });
    }
  }

  #lastErrors(): string {
    return this.#errors
      .slice(-3)
      .map(({ text }) => text)
      .join(' ');
  }

  #onReport(report: ClientReport): void {
    switch (report.type) {
      case 'opened':
        this.#isOpen = true;
        break;
      case 'added':
        this.added.push(report.id);
        this.#longestAddMs = Math.max(this.#longestAddMs, report.ms);
        break;
      case 'completed':
        this.completed += 1;
        break;
      case 'stopped':
        this.#hasStopped = true;
        break;
      case 'error':
        this.#errors.push(report);
        break;
    }
  }
}
