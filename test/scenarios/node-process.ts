import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { freeAddresses } from '../../eval/processes/free-addresses.ts';
import { eventually } from './support.ts';

const root = resolve(import.meta.dirname, '../..');

/** A node that runs by the command, with the package's configuration files. It is killed at the end of the test, if it still runs. */
export class NodeProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  output = '';
  errorOutput = '';

  /** @param environment in place of settings of `config/node-<id>.yaml`, or of the named file. */
  constructor(
    id: number,
    environment: Readonly<Record<string, string>>,
    file = join(root, `config/node-${id}.yaml`),
    words: readonly string[] = ['serve'],
  ) {
    const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('JOBRAFT_')));
    this.#child = spawn(process.execPath, [join(root, 'dist/src/cli/main.js'), ...words, '--config', file], {
      env: { ...inherited, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child.stdout?.on('data', (chunk) => {
      this.output += String(chunk);
    });
    this.#child.stderr?.on('data', (chunk) => {
      this.errorOutput += String(chunk);
    });
  }

  /** Resolves once it has printed the text. */
  async printed(text: string): Promise<void> {
    await eventually(`the node has printed "${text}"; it printed: ${this.output}${this.errorOutput}`, async () =>
      this.output.includes(text),
    );
  }

  /** @returns its exit code; null if it was killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal);
    return await this.exited();
  }

  async exited(): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.end('SIGKILL');
  }
}

/** Three nodes as processes, on free ports and in one folder. */
export class NodeProcesses implements AsyncDisposable {
  readonly endpoints: readonly string[];
  readonly #dataDir: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #nodes = new Map<number, NodeProcess>();

  private constructor(dataDir: string, endpoints: readonly string[], settings: Readonly<Record<string, string>>) {
    this.#dataDir = dataDir;
    this.#settings = settings;
    this.endpoints = endpoints;
  }

  /** @param settings variables of each node's environment. */
  static async start(dataDir: string, settings: Readonly<Record<string, string>> = {}): Promise<NodeProcesses> {
    const started = new NodeProcesses(dataDir, await freeAddresses(3), settings);
    await started.startAll();
    return started;
  }

  environment(id: number): Record<string, string> {
    return {
      ...this.#settings,
      JOBRAFT_DATA_DIR: join(this.#dataDir, `node-${id}`),
      JOBRAFT_NODES: this.endpoints.map((endpoint, at) => `${at + 1}=${endpoint}`).join(','),
    };
  }

  node(id: number): NodeProcess {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`Node ${id} was not started.`);
    return node;
  }

  begin(id: number): NodeProcess {
    const node = new NodeProcess(id, this.environment(id));
    this.#nodes.set(id, node);
    return node;
  }

  async startAll(): Promise<void> {
    for (const id of [1, 2, 3]) this.begin(id);
    for (const id of [1, 2, 3]) await this.node(id).printed('runs at');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node[Symbol.asyncDispose]()));
  }
}
