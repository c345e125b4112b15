import { messageOf } from '../measuring/user-error.ts';
import type { Build } from './builds.ts';
import { ClientProcess } from './client-process.ts';
import type { ClientSettings } from './messages.ts';
import type { Processes } from './processes.ts';
import { outcomeLine, type Rejection, type RunFacts, violationsOf } from './verdict.ts';

export const STEP_HEADER = [
  'step',
  'leader',
  'adds, old client',
  'completed',
  'adds, new client',
  'completed',
  'longest add, ms',
  'seconds',
];

/** What a run of builds against each other shares: its clients, the table of its steps, and what it found. */
export abstract class Run {
  readonly name: string;
  readonly rows: string[][] = [];
  protected readonly processes: Processes;
  protected readonly faults: string[] = [];
  protected rejection: Rejection | undefined;
  protected found: Pick<RunFacts, 'states' | 'replicas' | 'nodes'> = { states: new Map(), replicas: [], nodes: 0 };
  /** In the order of their start. */
  readonly #clients: ClientProcess[] = [];
  #startMs = 0;

  constructor(name: string, processes: Processes) {
    this.name = name;
    this.processes = processes;
  }

  /** Runs once. It does not throw: what fails is a fault. */
  async run(): Promise<void> {
    this.#startMs = performance.now();
    try {
      await this.perform();
    } catch (error) {
      this.faults.push(messageOf(error));
    } finally {
      await this.end();
      for (const client of this.#clients) client.kill();
    }
  }

  get isViolated(): boolean {
    return violationsOf(this.#facts()).length > 0;
  }

  get outcome(): string {
    return outcomeLine(this.name, this.#facts(), this.rejection);
  }

  protected abstract perform(): Promise<void>;
  /** Ends what `perform` started, however it ended. */
  protected abstract end(): Promise<void>;

  protected client(build: Build, cluster: ClientSettings['cluster']): ClientProcess {
    const client = new ClientProcess(build, cluster, this.processes);
    this.#clients.push(client);
    return client;
  }

  protected row(step: string, leader: number | undefined): void {
    const counts = (['old', 'new'] as const).flatMap((name) => {
      const clients = this.#clients.filter(({ build }) => build.name === name);
      return [sum(clients.map(({ added }) => added.length)), sum(clients.map(({ completed }) => completed))].map(String);
    });
    const longestAddMs = Math.max(...this.#clients.map((client) => client.takeLongestAddMs()));
    this.rows.push([
      step,
      String(leader ?? '–'),
      ...counts,
      longestAddMs.toFixed(0),
      ((performance.now() - this.#startMs) / 1000).toFixed(1),
    ]);
  }

  #facts(): RunFacts {
    const faults = [...this.faults, ...this.#clients.flatMap((client) => (client.rejection === undefined ? client.faults : []))];
    return { ...this.found, acknowledged: this.#clients.flatMap(({ added }) => added), faults };
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);
