import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { environmentOf } from '../node-versions/install-node.ts';

/** No wait of a run is longer, however busy the machine is. */
export const WAIT_MS_MAX = 60_000;
const OUTPUT_CHARACTERS_MAX = 50_000;
const POLL_MS = 10;

/** @throws after `WAIT_MS_MAX`. */
export async function until(what: string, ask: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + WAIT_MS_MAX;
  while (!(await ask())) {
    if (performance.now() > untilMs) throw new Error(`Not within ${WAIT_MS_MAX / 1000} s: ${what}.`);
    await sleep(POLL_MS);
  }
}

export interface ProcessOptions {
  readonly cwd?: string;
  /** Besides the environment of this process, without its settings of npm and of jobraft. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onMessage?: (message: unknown) => void;
}

/** A process with its children, all of which end with it. */
export class ManagedProcess {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  output = '';
  errorOutput = '';

  constructor(name: string, executable: string, args: readonly string[], { cwd, env, onMessage }: ProcessOptions) {
    this.name = name;
    const inherited = Object.entries(environmentOf()).filter(([variable]) => !variable.startsWith('JOBRAFT_'));
    this.#child = spawn(executable, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe', ...(onMessage === undefined ? [] : ['ipc' as const])],
      // A process group of its own: Ctrl-C reaches only this program, which ends the group.
      detached: true,
    });
    this.#child.stdout?.on('data', (chunk) => {
      this.output = `${this.output}${chunk}`.slice(-OUTPUT_CHARACTERS_MAX);
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.errorOutput = `${this.errorOutput}${chunk}`.slice(-OUTPUT_CHARACTERS_MAX);
    });
    if (onMessage !== undefined) this.#child.on('message', onMessage);
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.once('error', (error) => {
        this.errorOutput += error.message;
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  /** How it ended, with what it wrote last. */
  get endText(): string {
    const how = this.#child.signalCode === null ? `exit code ${this.#child.exitCode}` : this.#child.signalCode;
    return `${this.name} ended with ${how}. ${(this.errorOutput || this.output).trim()}`.trim();
  }

  send(message: string): void {
    if (this.#child.connected) this.#child.send(message);
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    if (!this.isRunning || this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }

  /** @returns whether it ended in time; it is killed otherwise. */
  async ended(timeoutMs = WAIT_MS_MAX): Promise<boolean> {
    const timeout = new AbortController();
    const isOver = sleep(timeoutMs, false, { signal: timeout.signal }).catch(() => false);
    const hasEnded = await Promise.race([this.#ended.then(() => true), isOver]);
    timeout.abort();
    if (hasEnded) return true;
    this.kill();
    await this.#ended;
    return false;
  }
}

/** All processes of this program. */
export class Processes {
  readonly #all = new Set<ManagedProcess>();

  start(name: string, executable: string, args: readonly string[], options: ProcessOptions = {}): ManagedProcess {
    for (const each of this.#all) if (!each.isRunning) this.#all.delete(each);
    const started = new ManagedProcess(name, executable, args, options);
    this.#all.add(started);
    return started;
  }

  /** Ends all at once, without waiting. */
  killAll(): void {
    for (const each of this.#all) each.kill();
  }
}
