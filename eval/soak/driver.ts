import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ProcessUnderTest } from './child-process.ts';
import { AFTERMATH_MS, FaultTimes, type UnexplainedElections, unexplainedElections } from './elections.ts';
import { injectFolderFault, type Subject } from './folder-faults.ts';
import { fillDisk } from './full-disk.ts';
import { MachineLoad } from './machine-load.ts';
import type { ChildSettings, Done, SoakAction } from './messages.ts';
import { Notices } from './notices.ts';
import { planOf, type SoakStep } from './plan.ts';
import { passMs } from './processing.ts';
import { CannotMount } from './small-disk.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly addsPerSecond: number;
  /** Holds all files except the history. */
  readonly folder: string;
  readonly historyFile: string;
  /** Receives a line for every step. */
  readonly print: (line: string) => void;
  /** Leaves out the steps that have not begun when it is aborted. */
  readonly signal?: AbortSignal;
}

/** The executed steps and their effects. */
export interface SoakRun {
  /** How often each kind of step was executed. */
  readonly steps: ReadonlyMap<SoakStep['type'], number>;
  /** The sizes of the cluster, in their order. */
  readonly sizes: readonly number[];
  readonly seconds: number;
  /** Number of consecutive processes under test. */
  readonly processes: number;
  /** Jobs that were dead letters at the end; undefined for a run that ended earlier. */
  readonly deadLetters: number | undefined;
  /** Jobs that became dead letters although no processor failed them. */
  readonly deadLettersWithoutCause: number;
  readonly elections: UnexplainedElections;
  /** Time without a fault, and without effects of one. */
  readonly calmSeconds: number;
  /** Failures of the cluster; empty for a good run. After a failure the queue may not have been drained. */
  readonly failures: readonly string[];
}

const INITIAL_NODES = 3;
const STEP_TIMEOUT_MS = 120_000;
const RESIZE_TIMEOUT_MS = 180_000;
const DRAIN_TIMEOUT_MS = 600_000;
/** For the remaining work after the last fault. */
const FINISH_TIMEOUT_MS = 120_000;
/** How much longer than requested a run may take before it skips steps. */
const LATE_FACTOR = 1.25;
/** The load runs this long before the first fault and after the last. */
const CALM_MS = 500;

/**
 * Executes the plan against one process after the other, and drains the queue. Ends early when the cluster does not recover from a
 * fault.
 */
export async function soak(options: SoakOptions): Promise<SoakRun> {
  return new Soak(options).run();
}

class Soak implements Subject {
  readonly dataDir: string;
  readonly workDir: string;
  readonly notices: Notices;
  readonly #options: SoakOptions;
  readonly #startedMs = performance.now();
  readonly #startedWallMs = Date.now();
  readonly #faults = new FaultTimes();
  readonly #steps = new Map<SoakStep['type'], number>();
  readonly #sizes: number[] = [INITIAL_NODES];
  readonly #failures: string[] = [];
  readonly #kindsDone = new Set<string>();
  #child: ProcessUnderTest | undefined;
  #lives = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.dataDir = join(options.folder, 'data');
    this.workDir = join(options.folder, 'work');
    this.notices = new Notices((error) => this.#failures.push(error));
    for (const made of [this.workDir, this.#logDir]) mkdirSync(made);
  }

  async run(): Promise<SoakRun> {
    using machine = new MachineLoad(() => (this.#child?.pid === undefined ? [] : [this.#child.pid]));
    let drainedMs = this.#startedWallMs;
    try {
      await this.#faults.during(() => this.start());
      const plan = planOf(this.#options.seconds, this.#options.seed);
      await this.#execute(plan);
      const drain = (): Promise<Done> => this.perform({ type: 'drain', timeoutMs: FINISH_TIMEOUT_MS }, DRAIN_TIMEOUT_MS);
      // A run without time between faults is too short to identify elections without a cause.
      const { detail } = await (plan.some(({ type }) => type === 'calm') ? drain() : this.#faults.during(drain));
      drainedMs = Date.now();
      await this.#faults.during(() => this.perform({ type: 'compare-and-close', timeoutMs: STEP_TIMEOUT_MS }, 2 * STEP_TIMEOUT_MS));
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
      processes: this.#lives,
      deadLetters,
      deadLettersWithoutCause,
      elections: unexplainedElections(this.#logDir, this.#faults, machine),
      calmSeconds: this.#faults.freeMs(this.#startedWallMs, drainedMs) / 1_000,
      failures: this.#failures,
    };
  }

  async start(): Promise<void> {
    const { seed, addsPerSecond, historyFile } = this.#options;
    const life = this.#lives;
    this.#lives += 1;
    const { dataDir } = this;
    const settings: ChildSettings = { dataDir, logDir: this.#logDir, historyFile, nodes: INITIAL_NODES, seed, addsPerSecond, life };
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

  async #execute(plan: readonly SoakStep[]): Promise<void> {
    await passMs(CALM_MS);
    let leftOut = 0;
    for (const [at, step] of plan.entries()) {
      if (this.#options.signal?.aborted === true) break;
      // After a slow step the run catches up: the plan determines when each step is due.
      await passMs(Math.max(0, CALM_MS + (at * this.#options.seconds * 1_000) / plan.length - this.#elapsedMs));
      const since = (this.#elapsedMs / 1_000).toFixed(1);
      if (this.#isTooLate(step)) leftOut += 1;
      else await this.#executeStep(step, since);
    }
    if (leftOut > 0) this.#options.print(`skipped ${leftOut} steps, since the others took long`);
    await passMs(CALM_MS);
  }

  async #executeStep(step: SoakStep, since: string): Promise<void> {
    try {
      const detail = await (this.#mayCauseElections(step) ? this.#faults.during(() => this.#take(step)) : this.#take(step));
      this.#options.print(`${since} s  ${detail}`);
      this.#steps.set(step.type, (this.#steps.get(step.type) ?? 0) + 1);
      this.#kindsDone.add(kindOf(step));
    } catch (error) {
      if (!(error instanceof CannotMount)) throw error;
      this.#options.print(`${since} s  skipped a full disk: ${error.message}`);
    }
  }

  /** A run on a slow machine skips kinds of steps that it has executed before, but never a step that changes the number of nodes. */
  #isTooLate(step: SoakStep): boolean {
    return step.type !== 'resize' && this.#kindsDone.has(kindOf(step)) && this.#elapsedMs > LATE_FACTOR * this.#options.seconds * 1_000;
  }

  /** An added node does not replace the leader; a removed one may be the leader. */
  #mayCauseElections(step: SoakStep): boolean {
    if (step.type === 'resize') return step.nodes < (this.#sizes.at(-1) ?? INITIAL_NODES);
    return step.type !== 'calm';
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
      case 'full-disk':
        return fillDisk(this, step);
      case 'calm':
        await passMs(AFTERMATH_MS + step.durationMs);
        return `injected nothing for ${(step.durationMs / 1_000).toFixed(1)} s, once the last fault had its effects`;
      case 'resize': {
        const { detail, nodes } = await this.perform(step, RESIZE_TIMEOUT_MS);
        this.#sizes.push(nodes.length);
        return detail;
      }
      default:
        return (await this.perform(step, STEP_TIMEOUT_MS)).detail;
    }
  }

  get #logDir(): string {
    return join(this.#options.folder, 'logs');
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }
}

/** Its type, and its remedy where there are several. */
function kindOf(step: SoakStep): string {
  const remedy = 'remedy' in step ? step.remedy : 'isPutBack' in step ? step.isPutBack : '';
  return `${step.type} ${remedy}`;
}
