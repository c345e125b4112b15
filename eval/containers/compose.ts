import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { packageRoot } from '../measuring/package-root.ts';
import type { Engine } from './engine.ts';

const COMMAND_MS_MAX = 120_000;
/** It goes on until a fault is over. */
const PROGRAM_MS_MAX = 300_000;
const POLL_MS = 500;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface NodeLine {
  readonly node: number;
  readonly isRunning: boolean;
  readonly role?: string;
  readonly term?: number;
  readonly applied?: number;
  readonly lag?: number;
}

/** The services of `compose.yaml`, in a project of their own. */
export class Compose {
  readonly #engine: Engine;
  readonly #project: string;

  constructor(engine: Engine, project: string) {
    this.#engine = engine;
    this.#project = project;
  }

  /** @param input of standard input. */
  async run(args: readonly string[], input = '', timeoutMs = COMMAND_MS_MAX, onOutput: () => void = () => undefined): Promise<Ended> {
    const [command, ...first] = this.#engine.compose;
    const child = spawn(command, [...first, '--project-name', this.#project, ...args], {
      cwd: packageRoot(),
      env: { ...this.#engine.environment, JOBRAFT_LOG_LEVEL: 'debug' },
    });
    const output = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.stdout += text;
      onOutput();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    child.stdin.on('error', () => undefined).end(input);
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const code = await new Promise<number | null>((resolve, reject) => child.once('close', resolve).once('error', reject));
    clearTimeout(late);
    return { code, ...output };
  }

  /** @throws {Error} with the end of its output, unless it exits with 0. */
  async expect(args: readonly string[], input = '', timeoutMs = COMMAND_MS_MAX, onOutput?: () => void): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input, timeoutMs, onOutput);
    if (code !== 0) throw new Error(`"${args.join(' ')}" ended with ${code}: ${`${stdout}${stderr}`.trim().slice(-1_000)}`);
    return stdout;
  }

  /** A command of the client. */
  client(args: readonly string[], input = ''): Promise<Ended> {
    return this.run(['run', '--rm', '--no-deps', '-T', 'client', ...args], input);
  }

  /** A program in the client's container. @param code an ES module. @param onOutput called whenever it prints. @returns what it prints. */
  program(code: string, variables: Readonly<Record<string, string>>, onOutput?: () => void): Promise<string> {
    const given = Object.entries(variables).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const args = ['run', '--rm', '--no-deps', '-T', ...given, '--entrypoint', 'node', 'client', '--input-type=module', '-'];
    return this.expect(args, code, PROGRAM_MS_MAX, onOutput);
  }

  async nodes(): Promise<readonly NodeLine[]> {
    const { stdout } = await this.client(['status', '--json']);
    const { nodes = [] } = parse(stdout) as { readonly nodes?: readonly NodeLine[] };
    return nodes;
  }

  /** Waits until so many nodes run, one of them leads, and all have applied what it has. @returns the leader. @throws {Error} */
  async settled(count: number, timeoutMs = 120_000): Promise<{ readonly leader: number; readonly term: number }> {
    const untilMs = performance.now() + timeoutMs;
    let seen: readonly NodeLine[] = [];
    while (performance.now() < untilMs) {
      seen = await this.nodes();
      const running = seen.filter(({ isRunning }) => isRunning);
      const leaders = running.filter(({ role }) => role === 'leader');
      const [leader] = leaders;
      if (running.length === count && leaders.length === 1 && leader !== undefined && running.every(({ lag }) => lag === 0))
        return { leader: leader.node, term: leader.term ?? 0 };
      await sleep(POLL_MS);
    }
    throw new Error(`The ${count} nodes have not settled within ${timeoutMs} ms: ${JSON.stringify(seen)}`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
