import type { ProcessFault } from '../soak/processes/faults.ts';
import { processFaults } from '../soak/processes/faults.ts';
import { type FaultResult, runFaults } from '../soak/processes/run-faults.ts';
import { sharedFaults } from '../soak/processes/shared/shared-faults.ts';
import { SharedSubject } from '../soak/processes/shared/shared-subject.ts';
import { Subject, type SubjectUnderLoad } from '../soak/processes/subject.ts';
import type { QuestionStep } from './question.ts';
import { ALL_FAULTS, type Source, type SurvivalRow } from './survival-row.ts';

const MINUTE_MS = 60_000;
const NODES = 3;
const PROCESSES = 3;
const ADDS_PER_SECOND = 200;
const KILLS = 30;

/** The faults of processes, as `npm run soak:processes` injects them: into node processes, and into processes that share a folder. */
export const processSteps: readonly QuestionStep<SurvivalRow>[] = [
  stepOf('node processes', 6 * MINUTE_MS, processFaults(KILLS), (folder) => Subject.start(NODES, ADDS_PER_SECOND, folder)),
  stepOf('shared folder', 4 * MINUTE_MS, sharedFaults(KILLS), (dataDir) =>
    SharedSubject.start({ nodes: NODES, processes: PROCESSES, addsPerSecond: ADDS_PER_SECOND, dataDir }),
  ),
];

function stepOf<Of extends SubjectUnderLoad>(
  source: Source,
  expectedMs: number,
  faults: readonly ProcessFault<Of>[],
  start: (folder: string) => Promise<Of>,
): QuestionStep<SurvivalRow> {
  return {
    name: source,
    expectedMs,
    measure: async ({ dataDir, signal }) =>
      rowsOfFaults(source, await runFaults({ faults, start: () => start(dataDir), print: () => undefined, signal })),
  };
}

/** A row for each fault, and one over all of them: one cluster had them one after the other. */
export function rowsOfFaults(source: Source, results: readonly FaultResult[]): readonly SurvivalRow[] {
  const rows = results.map(({ name, times, counts, isSkipped, failures }) => ({
    ...{ source, fault: name, runs: isSkipped ? 0 : 1, injected: isSkipped ? 0 : times, violations: failures.length === 0 ? 0 : 1 },
    ...{ acknowledged: counts.acknowledged, lost: counts.lost, duplicated: counts.duplicated, unexpected: null },
  }));
  const sum = (column: 'injected' | 'acknowledged' | 'lost' | 'duplicated'): number => rows.reduce((total, row) => total + row[column], 0);
  const all = {
    ...{ source, fault: ALL_FAULTS, runs: 1, injected: sum('injected'), violations: rows.some(({ violations }) => violations > 0) ? 1 : 0 },
    ...{ acknowledged: sum('acknowledged'), lost: sum('lost'), duplicated: sum('duplicated'), unexpected: null },
  };
  return [all, ...rows];
}
