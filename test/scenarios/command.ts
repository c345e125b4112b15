import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { Output } from '../../dist/src/cli/output.js';
import { runCommandLine } from '../../dist/src/cli/program.js';
import { eventually } from './support.ts';

export const PROGRAM = resolve(import.meta.dirname, '../../dist/src/cli/main.js');

export interface EndedCommand {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The built command `jobraft` in a process of its own. It is killed at the end of the test, if it still runs. */
export class RunningCommand implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  out = '';
  err = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#closed = once(child, 'close');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
  }

  static start(...words: readonly string[]): RunningCommand {
    return new RunningCommand(spawn(process.execPath, [PROGRAM, ...words], { stdio: 'pipe', env: { ...process.env, NODE_OPTIONS: '' } }));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The lines of standard output as JSON, without one that is not complete yet. */
  get records(): readonly Readonly<Record<string, unknown>>[] {
    return this.out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  signal(signal: 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(signal);
  }

  /** The process that reads its output ends. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
  }

  async printed(text: string): Promise<void> {
    await eventually(`the command prints ${JSON.stringify(text)}`, async () => this.out.includes(text) || this.err.includes(text));
  }

  /** Resolves once it has ended. @param stdin its standard input from now on. */
  async ended(stdin = ''): Promise<EndedCommand> {
    this.#child.stdin?.end(stdin);
    await this.#closed;
    return { code: this.#child.exitCode, out: this.out, err: this.err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

/** Runs the built command to its end, in a process of its own. */
export async function jobraftProcess(...words: readonly string[]): Promise<EndedCommand> {
  await using command = RunningCommand.start(...words);
  return await command.ended();
}

/** Runs the built command to its end in this process, which takes a fraction of the processor time of a process. */
export async function jobraft(...words: readonly string[]): Promise<EndedCommand> {
  let out = '';
  let err = '';
  const output = new Output({
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    isTerminal: false,
    isColoured: false,
    columns: () => 80,
  });
  const code = await runCommandLine(words, { output, stdin: () => Readable.from([]), signal: new AbortController().signal });
  return { code, out, err };
}
