import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ProcessUnderTest } from './child-process.ts';
import { injectFolderFault, type Subject } from './folder-faults.ts';
import type { ChildSettings, Done, SoakAction } from './messages.ts';
import { Notices } from './notices.ts';
import { planOf, type SoakStep } from './plan.ts';
import { passMs } from './processing.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly addsPerSecond: number;
  /** Holds everything but the history. */
  readonly folder: string;
  readonly historyFile: string;
  /** Hears of every step. */
  readonly print: (line: string) => void;
}

/** What was done to the cluster. */
export interface SoakRun {
  /** How often each kind of step was carried out. */
  readonly steps: ReadonlyMap<SoakStep['type'], number>;
  /** The numbers of nodes that the cluster went through. */
  readonly sizes: readonly number[];
  readonly seconds: number;
  /** Jobs that were dead letters at the end; undefined for a run that did not get there. */
  readonly deadLetters: number | undefined;
  /** Jobs that became dead letters although no processor failed them. */
  readonly deadLettersWithoutCause: number;
  /** What the cluster did not survive; empty when all is well. After that the queue may not have been drained. */
  readonly failures: readonly string[];
}

const FOUNDERS = 3;
const STEP_TIMEOUT_MS = 120_000;
const RESIZE_TIMEOUT_MS = 180_000;
const DRAIN_TIMEOUT_MS = 120_000;
/** The load goes on for a moment before the first fault and after the last. */
const CALM_MS = 500;

/** Carries out the plan against one process after the other, and drains the queue. Ends early when the cluster does not come back from a fault. */
export async function soak(options: SoakOptions): Promise<SoakRun> {
  return new Soak(options).run();
}

class Soak implements Subject {
  readonly dataDir: string;
  readonly workDir: string;
  readonly notices: Notices;
  readonly #options: SoakOptions;
  readonly #startedMs = performance.now();
  readonly #steps = new Map<SoakStep['type'], number>();
  readonly #sizes: number[] = [FOUNDERS];
  readonly #failures: string[] = [];
  #child: ProcessUnderTest | undefined;
  #lives = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.dataDir = join(options.folder, 'data');
    this.workDir = join(options.folder, 'work');
    this.notices = new Notices((error) => this.#failures.push(error));
    mkdirSync(this.workDir);
  }

  async run(): Promise<SoakRun> {
    try {
      await this.start();
      await this.#carryOut(planOf(this.#options.seconds, this.#options.seed));
      const { detail } = await this.perform({ type: 'drain', timeoutMs: DRAIN_TIMEOUT_MS / 2 }, DRAIN_TIMEOUT_MS);
      await this.perform({ type: 'close' }, STEP_TIMEOUT_MS);
      this.#options.print(`drained: ${detail}`);
    } catch (error) {
      this.#failures.push(error instanceof Error ? error.message : String(error));
    } finally {
      await this.kill();
    }
    const { deadLetters, deadLettersWithoutCause } = this.notices;
    return {
      steps: this.#steps,
      sizes: this.#sizes,
      seconds: this.#elapsedMs / 1_000,
      deadLetters,
      deadLettersWithoutCause,
      failures: this.#failures,
    };
  }

  async start(): Promise<void> {
    const { seed, addsPerSecond, historyFile, folder } = this.#options;
    const life = this.#lives;
    this.#lives += 1;
    const { dataDir } = this;
    const settings: ChildSettings = { dataDir, logDir: join(folder, 'logs'), historyFile, nodes: FOUNDERS, seed, addsPerSecond, life };
    this.#child = await ProcessUnderTest.start(settings, (notice) => this.notices.on(notice));
  }

  async kill(): Promise<void> {
    await this.#child?.kill();
    this.#child = undefined;
  }

  async perform(action: SoakAction, timeoutMs: number): Promise<Done> {
    if (this.#child === undefined) throw new Error('No process is under test.');
    return this.#child.perform(action, timeoutMs);
  }

  async #carryOut(plan: readonly SoakStep[]): Promise<void> {
    await passMs(CALM_MS);
    for (const [at, step] of plan.entries()) {
      // Steps that take long are caught up on: the plan says when each is due.
      await passMs(Math.max(0, CALM_MS + (at * this.#options.seconds * 1_000) / plan.length - this.#elapsedMs));
      const since = (this.#elapsedMs / 1_000).toFixed(1);
      this.#options.print(`${since} s  ${await this.#take(step)}`);
      this.#steps.set(step.type, (this.#steps.get(step.type) ?? 0) + 1);
    }
    await passMs(CALM_MS);
  }

  async #take(step: SoakStep): Promise<string> {
    switch (step.type) {
      case 'kill-process':
        await this.kill();
        await this.start();
        return 'killed the whole process (SIGKILL) and started it again';
      case 'rolled-back-folder':
      case 'foreign-folder':
        return injectFolderFault(this, step);
      case 'resize': {
        const { detail, nodes } = await this.perform(step, RESIZE_TIMEOUT_MS);
        this.#sizes.push(nodes.length);
        return detail;
      }
      default:
        return (await this.perform(step, STEP_TIMEOUT_MS)).detail;
    }
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }
}
