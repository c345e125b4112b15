import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../measuring/user-error.ts';

export interface ServerCommand {
  /** Its name in messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly logFile: string;
  /** For servers that do not run as root. */
  readonly account?: Account;
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const READY_MS_MAX = 90_000;
const READY_POLL_MS = 50;
const STOP_MS_MAX = 15_000;
const LOG_TAIL_CHARACTERS = 2000;

/** Running servers, so that no exit of this program leaves one behind. */
const running = new Set<ServerProcess>();
process.on('exit', () => {
  for (const server of running) server.signal('SIGKILL');
});

/** One server of a peer, in its own process group: its child processes end with it. */
export class ServerProcess {
  readonly #command: ServerCommand;
  readonly #process: ChildProcess;
  readonly #exited: Promise<void>;
  #hasExited = false;

  private constructor(command: ServerCommand) {
    this.#command = command;
    const log = openSync(command.logFile, 'a');
    this.#process = spawn(command.command, command.args, {
      cwd: command.folder,
      env: { ...process.env, ...command.env },
      stdio: ['ignore', log, log],
      detached: true,
      ...command.account,
    });
    closeSync(log);
    this.#exited = new Promise((resolve) => {
      const onGone = (): void => {
        this.#hasExited = true;
        running.delete(this);
        resolve();
      };
      this.#process.once('exit', onGone);
      this.#process.once('error', onGone);
    });
    running.add(this);
  }

  static start(command: ServerCommand): ServerProcess {
    return new ServerProcess(command);
  }

  /**
   * Polls until the server is ready.
   * @param ask rejects, or resolves to false, until the server is ready.
   * @throws with the end of the server's log when it ends or takes too long.
   */
  async waitUntilReady(ask: () => Promise<unknown>): Promise<void> {
    const deadlineMs = performance.now() + READY_MS_MAX;
    let reason = 'it was not ready';
    while (performance.now() < deadlineMs && !this.#hasExited) {
      try {
        if ((await within(READY_MS_MAX, this.#command.name, ask())) !== false) return;
      } catch (error) {
        reason = messageOf(error);
      }
      await sleep(READY_POLL_MS);
    }
    const cause = this.#hasExited ? 'it ended' : `${READY_MS_MAX} ms passed: ${reason}`;
    throw new Error(`${this.#command.name} did not start (${cause}). The end of its log:\n${this.#logTail()}`);
  }

  /** SIGKILL: no warning, nothing flushed. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#exited;
  }

  /** SIGSTOP: it does nothing until {@link resume}, and its sockets stay open. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Stops it gracefully, also when it is paused, and by SIGKILL when that takes too long. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#hasExited) return;
    this.signal(signal);
    // A paused process receives the signal only when it continues.
    this.resume();
    const timer = setTimeout(() => this.signal('SIGKILL'), STOP_MS_MAX);
    await this.#exited;
    clearTimeout(timer);
  }

  signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined || this.#hasExited) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // It ended between the check and the signal.
    }
  }

  #logTail(): string {
    try {
      return readFileSync(this.#command.logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS);
    } catch {
      return '(no log)';
    }
  }
}

/** Free ports of the loopback interface. All are held until all are known, so they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject);
            server.listen(0, '127.0.0.1', () => {
              const address = server.address();
              if (address === null || typeof address === 'string') reject(new Error('A listening server has no port.'));
              else resolve(address.port);
            });
          }),
      ),
    );
  } finally {
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

/** The path of a program, from the PATH or from the folders where distributions install servers; `undefined` when it is not installed. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const path = [...folders, ...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return path.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The account that a server runs under when this program is root; `undefined` when it is not, or there is no such account. */
export function accountOf(user: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const ask = (flag: string): number =>
      Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: ask('-u'), gid: ask('-g') };
  } catch {
    return undefined;
  }
}

/** The version in a program's `--version` output. */
export function versionOf(program: string, ...args: readonly string[]): string {
  const text = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 });
  return /\d+(\.\d+)+/.exec(text)?.[0] ?? 'unknown';
}

/** @throws when it takes longer. */
export async function within<T>(timeoutMs: number, what: string, result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${timeoutMs} ms.`)), timeoutMs);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
