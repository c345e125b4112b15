import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Option } from 'commander';
import { openCluster, Queue, type SharedCluster, Worker } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { pauseFor, throwIfInterrupted } from '../interruption.ts';
import { secondsIn, wholeNumber } from '../values.ts';

const SECONDS_DEFAULT = 10;
const SECONDS_MAX = 600;
const NODES_DEFAULT = 3;
/** Between two adds; each of them awaits its reply. */
const ADD_PAUSE_MS = 10;
const CONCURRENCY = 4;
/** How long a demo job takes. */
const JOB_MS = 20;
/** How long the jobs that are left at the end may take. */
const DRAIN_MS_MAX = 10_000;
const LIVE_EVERY_MS = 250;
const LINE_EVERY_MS = 1_000;

interface DemoOptions {
  readonly nodes: number;
  readonly seconds: number;
}
type DemoInvocation = Invocation<readonly [], DemoOptions>;

export const demo: CliCommand = {
  name: 'demo',
  group: 'Start',
  summary: 'Starts a cluster in a temporary folder, adds jobs and processes them for some seconds, and shows their counts.',
  arguments: [],
  options: [
    new Option('--nodes <count>', 'number of nodes').argParser(wholeNumber(1)).default(NODES_DEFAULT),
    new Option('--seconds <number>', `how long jobs are added, up to ${SECONDS_MAX}`)
      .argParser(secondsIn(1, SECONDS_MAX))
      .default(SECONDS_DEFAULT),
  ],
  json: 'lines',
  examples: ['jobraft demo', 'jobraft demo --nodes 5 --seconds 30'],
  async run(invocation: DemoInvocation) {
    const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-demo-'));
    try {
      await using cluster = await openCluster({ dataDir, nodes: invocation.options.nodes });
      await new Demo(invocation, dataDir, cluster).run();
      throwIfInterrupted(invocation.signal);
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
};

class Demo {
  readonly #invocation: DemoInvocation;
  readonly #dataDir: string;
  readonly #cluster: SharedCluster;
  #added = 0;
  #completed = 0;
  #failed = 0;

  constructor(invocation: DemoInvocation, dataDir: string, cluster: SharedCluster) {
    this.#invocation = invocation;
    this.#dataDir = dataDir;
    this.#cluster = cluster;
  }

  async run(): Promise<void> {
    const { options, signal } = this.#invocation;
    await using queue = new Queue('demo', { connection: this.#cluster, defaultJobOptions: { removeOnComplete: false } });
    await using worker = new Worker('demo', () => sleep(JOB_MS), { connection: this.#cluster, concurrency: CONCURRENCY });
    worker.on('completed', () => {
      this.#completed += 1;
    });
    worker.on('failed', () => {
      this.#failed += 1;
    });
    this.#begin();
    const startedMs = performance.now();
    const untilMs = startedMs + options.seconds * 1_000;
    await Promise.all([this.#add(queue, untilMs), this.#show(queue, startedMs, untilMs)]);
    for (const drainedByMs = performance.now() + DRAIN_MS_MAX; !this.#isDrained && !signal.aborted && performance.now() < drainedByMs; )
      await pauseFor(JOB_MS, signal);
    await worker.close();
    await this.#end(queue, startedMs);
  }

  get #isDrained(): boolean {
    return this.#completed + this.#failed >= this.#added;
  }

  #begin(): void {
    const { output, isJson, options } = this.#invocation;
    if (isJson) {
      output.record({ event: 'started', dataDir: this.#dataDir, nodes: options.nodes });
      return;
    }
    output.line(`A cluster of ${options.nodes} nodes in ${this.#dataDir}, for ${options.seconds} s. Another terminal sees it with`);
    output.line(`  jobraft status --data-dir ${this.#dataDir}`);
  }

  /** One job after the other: each is added once the one before is committed. */
  async #add(queue: Queue, untilMs: number): Promise<void> {
    const { signal } = this.#invocation;
    while (!signal.aborted && performance.now() < untilMs) {
      await queue.add('greet', { number: this.#added + 1 });
      this.#added += 1;
      await pauseFor(ADD_PAUSE_MS, signal);
    }
  }

  async #show(queue: Queue, startedMs: number, untilMs: number): Promise<void> {
    const { output, isJson, signal } = this.#invocation;
    const everyMs = output.isTerminal ? LIVE_EVERY_MS : LINE_EVERY_MS;
    while (!signal.aborted && performance.now() < untilMs) {
      await pauseFor(Math.min(everyMs, untilMs - performance.now()), signal);
      const reading = await this.#read(queue, startedMs);
      if (isJson) output.record({ event: 'counts', ...reading });
      else output.live(lineOf(reading));
    }
  }

  async #read(queue: Queue, startedMs: number): Promise<DemoReading> {
    const [leader, { waiting, active, completed, failed }] = await Promise.all([this.#cluster.leader(), queue.getJobCounts()]);
    return { seconds: (performance.now() - startedMs) / 1_000, leader, added: this.#added, waiting, active, completed, failed };
  }

  async #end(queue: Queue, startedMs: number): Promise<void> {
    const { output, isJson, options } = this.#invocation;
    const reading = await this.#read(queue, startedMs);
    if (isJson) {
      output.record({ event: 'ended', ...reading });
      return;
    }
    const { added, completed, failed, seconds } = reading;
    const majority = Math.floor(options.nodes / 2) + 1;
    output.line(`${added} jobs were added, ${completed} are completed and ${failed} failed, in ${seconds.toFixed(1)} s.`);
    output.line(`Each add() resolved once its job was on disk on ${majority} of ${options.nodes} nodes. The folder is removed now.`);
  }
}

interface DemoReading {
  readonly seconds: number;
  readonly leader: number | undefined;
  readonly added: number;
  readonly waiting: number;
  readonly active: number;
  readonly completed: number;
  readonly failed: number;
}

export const lineOf = ({ seconds, leader, added, waiting, active, completed, failed }: DemoReading): string =>
  `${seconds.toFixed(1)} s  leader ${leader ?? '–'}  added ${added}  waiting ${waiting}  active ${active}  completed ${completed}  failed ${failed}`;
