import { ProcessUnderTest } from './child-process.ts';
import { passMs } from './load.ts';
import type { ChildSettings, SoakAction } from './messages.ts';
import { planOf, type SoakStep } from './plan.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly addsPerSecond: number;
  readonly dataDir: string;
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
  /** What the cluster did not survive; empty when all is well. After that the queue may not have been drained. */
  readonly failures: readonly string[];
}

const FOUNDERS = 3;
const STEP_TIMEOUT_MS = 60_000;
const RESIZE_TIMEOUT_MS = 180_000;
const DRAIN_TIMEOUT_MS = 120_000;
/** The load goes on for a moment before the first fault and after the last. */
const CALM_MS = 500;

/** Carries out the plan against one process after the other, and drains the queue. Ends early when the cluster does not come back from a fault. */
export async function soak(options: SoakOptions): Promise<SoakRun> {
  return new Soak(options).run();
}

class Soak {
  readonly #options: SoakOptions;
  readonly #startedMs = performance.now();
  readonly #steps = new Map<SoakStep['type'], number>();
  readonly #sizes: number[] = [FOUNDERS];
  readonly #failures: string[] = [];
  #child: ProcessUnderTest | undefined;
  #lives = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  async run(): Promise<SoakRun> {
    try {
      await this.#start();
      await this.#carryOut(planOf(this.#options.seconds, this.#options.seed));
      const detail = await this.#perform({ type: 'drain', timeoutMs: DRAIN_TIMEOUT_MS / 2 }, DRAIN_TIMEOUT_MS);
      this.#options.print(`drained: ${detail.detail}`);
    } catch (error) {
      this.#failures.push(error instanceof Error ? error.message : String(error));
    } finally {
      await this.#child?.kill();
    }
    return { steps: this.#steps, sizes: this.#sizes, seconds: this.#elapsedMs / 1_000, failures: this.#failures };
  }

  async #carryOut(plan: readonly SoakStep[]): Promise<void> {
    await passMs(CALM_MS);
    for (const [at, step] of plan.entries()) {
      // Steps that take long are caught up on: the plan says when each is due.
      await passMs(CALM_MS + (at * this.#options.seconds * 1_000) / plan.length - this.#elapsedMs);
      const since = (this.#elapsedMs / 1_000).toFixed(1);
      this.#options.print(`${since} s  ${await this.#take(step)}`);
      this.#steps.set(step.type, (this.#steps.get(step.type) ?? 0) + 1);
    }
    await passMs(CALM_MS);
  }

  async #take(step: SoakStep): Promise<string> {
    if (step.type === 'kill-process') {
      await this.#child?.kill();
      await this.#start();
      return 'killed the whole process (SIGKILL) and started it again';
    }
    const { detail, nodes } = await this.#perform(step, step.type === 'resize' ? RESIZE_TIMEOUT_MS : STEP_TIMEOUT_MS);
    if (step.type === 'resize') this.#sizes.push(nodes);
    return detail;
  }

  async #start(): Promise<void> {
    const settings = childSettings(this.#options, this.#lives);
    this.#lives += 1;
    this.#child = await ProcessUnderTest.start(settings, (error) => this.#failures.push(error));
  }

  async #perform(action: SoakAction, timeoutMs: number): Promise<{ readonly detail: string; readonly nodes: number }> {
    if (this.#child === undefined) throw new Error('No process is under test.');
    return this.#child.perform(action, timeoutMs);
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedMs;
  }
}

const childSettings = ({ dataDir, historyFile, seed, addsPerSecond }: SoakOptions, life: number): ChildSettings => ({
  dataDir,
  historyFile,
  nodes: FOUNDERS,
  seed,
  addsPerSecond,
  life,
});
