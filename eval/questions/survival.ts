import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import type { FaultType } from '../../src/sim/fault.ts';
import type { RunOutcome } from '../../src/sim/run-plan.ts';
import type { SeedTask } from '../../src/sim/seed-worker.ts';
import { type CheckedSoak, checkedSoak, isCleanSoak } from '../soak/checked-soak.ts';
import { processSteps } from './process-survival.ts';
import type { Question, QuestionStep, StepContext } from './question.ts';
import { ALL_FAULTS, type SurvivalRow, survivalRow } from './survival-row.ts';

const NODES = 5;
const SECONDS = 10;
const FIRST_SEED = 7_000_000;
const SEEDS_PER_STEP = 100;
const SEEDS_PER_TASK = 5;
const SIMULATED_STEPS = 6;
const SEED_MS = 350;

const SOAK_SECONDS = 120;
const SOAK_ADDS_PER_SECOND = 300;

/** Every fault of the simulator, of the soak and of processes, with what was lost, duplicated or unexpected in the runs in which it happened. */
export const survival: Question<SurvivalRow> = {
  id: 'survival',
  asks: 'What survives?',
  row: survivalRow,
  rounds: 1,
  steps: [...Array.from({ length: SIMULATED_STEPS }, (_, at) => simulatedStep(at)), soakStep(), ...processSteps],
};

function simulatedStep(at: number): QuestionStep<SurvivalRow> {
  const from = FIRST_SEED + at * SEEDS_PER_STEP;
  return {
    name: `simulator, seeds ${from} to ${from + SEEDS_PER_STEP - 1}`,
    expectedMs: SEEDS_PER_STEP * SEED_MS,
    measure: async ({ signal }) => rowsOfRuns(await simulate(from, SEEDS_PER_STEP, signal)),
  };
}

async function simulate(from: number, seeds: number, signal: AbortSignal): Promise<readonly RunOutcome[]> {
  const filename = new URL('../../src/sim/seed-worker.js', import.meta.url).href;
  const pool = new Piscina({ filename, name: 'runSeeds' });
  try {
    const tasks = Array.from({ length: seeds / SEEDS_PER_TASK }, (_, at) => from + at * SEEDS_PER_TASK);
    const outcomes: RunOutcome[] = [];
    const lane = async (): Promise<void> => {
      for (let first = tasks.shift(); first !== undefined && !signal.aborted; first = tasks.shift()) {
        const list = Array.from({ length: SEEDS_PER_TASK }, (_, seed) => (first ?? from) + seed);
        const task: SeedTask = { seeds: list, nodes: NODES, seconds: SECONDS, isTwice: false, isUntilViolation: false };
        const ended: readonly RunOutcome[] = await pool.run(task);
        outcomes.push(...ended);
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, lane));
    return outcomes;
  } finally {
    await pool.destroy();
  }
}

/** A row for each kind of fault, over the runs in which it happened beside others, and one over all runs. */
export function rowsOfRuns(outcomes: readonly RunOutcome[]): readonly SurvivalRow[] {
  const types = [...new Set(outcomes.flatMap(({ faults }) => Object.keys(faults)))].sort() as FaultType[];
  const ofFaults = types.map((type) => {
    const among = outcomes.filter(({ faults }) => (faults[type] ?? 0) > 0);
    return rowOfRuns(type, among, total(among.map(({ faults }) => faults[type] ?? 0)));
  });
  const injected = total(outcomes.map(({ faults }) => total(Object.values(faults))));
  return [rowOfRuns(ALL_FAULTS, outcomes, injected), ...ofFaults];
}

function rowOfRuns(fault: string, outcomes: readonly RunOutcome[], injected: number): SurvivalRow {
  const violations = outcomes.filter(({ failure }) => failure !== undefined).length;
  const found = violations === 0 ? 0 : null;
  return {
    ...{ source: 'simulator', fault, runs: outcomes.length, injected, violations },
    acknowledged: total(outcomes.map(({ acknowledged }) => acknowledged)),
    ...{ lost: found, duplicated: found, unexpected: found },
  };
}

const total = (counts: readonly number[]): number => counts.reduce((sum, each) => sum + each, 0);

function soakStep(): QuestionStep<SurvivalRow> {
  return {
    name: 'soak',
    expectedMs: 2 * SOAK_SECONDS * 1000,
    measure: async ({ dataDir, seed, signal }: StepContext) => {
      mkdirSync(dataDir, { recursive: true });
      const historyFile = join(dataDir, 'history.ndjson');
      return rowsOfSoak(
        await checkedSoak({
          seconds: SOAK_SECONDS,
          seed,
          addsPerSecond: SOAK_ADDS_PER_SECOND,
          folder: dataDir,
          historyFile,
          print: () => undefined,
          signal,
        }),
      );
    },
  };
}

/** The same of one soak: all its faults happen in one run. */
export function rowsOfSoak(checked: CheckedSoak): readonly SurvivalRow[] {
  const { acknowledged, lost, duplicated, unexpected } = checked.report.accounting;
  const counts = { acknowledged, lost, duplicated, unexpected, violations: isCleanSoak(checked) ? 0 : 1 };
  const faults = [...checked.run.steps].filter(([type]) => type !== 'calm');
  const rowOf = (fault: string, injected: number): SurvivalRow => ({ source: 'soak', fault, runs: 1, injected, ...counts });
  return [rowOf(ALL_FAULTS, total(faults.map(([, times]) => times))), ...faults.map(([type, times]) => rowOf(type, times))];
}
