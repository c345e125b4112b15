import type { FaultCounts } from './delivery-ledger.ts';
import type { ProcessFault } from './faults.ts';
import { CannotInject, type SubjectUnderLoad } from './subject.ts';

export interface ProcessSoakOptions<Of extends SubjectUnderLoad> {
  readonly faults: readonly ProcessFault<Of>[];
  readonly start: () => Promise<Of>;
  /** Receives a line for every fault. */
  readonly print: (line: string) => void;
  /** No further fault is injected after it. */
  readonly signal?: AbortSignal;
}

/** The outcome of one fault. */
export interface FaultResult {
  readonly name: string;
  /** How often the fault was injected. */
  readonly times: number;
  readonly counts: FaultCounts;
  /** Terms that began. */
  readonly elections: number;
  /** What happened; why it was skipped. */
  readonly detail: string;
  readonly isSkipped: boolean;
  /** What must not happen. */
  readonly failures: readonly string[];
}

const WARM_UP_ADDS = 50;
const DRAIN_MS_MAX = 120_000;

/** Injects each fault into one cluster, under load; after each the queue is drained, and every acknowledged message must be completed. */
export async function runFaults<Of extends SubjectUnderLoad>(options: ProcessSoakOptions<Of>): Promise<readonly FaultResult[]> {
  const { faults, start, print, signal } = options;
  await using subject = await start();
  const results: FaultResult[] = [];
  for (const fault of faults) {
    if (signal?.aborted) break;
    const result = await resultOf(fault, subject);
    results.push(result);
    print(describeResult(result));
    if (result.failures.length > 0) break;
  }
  return results;
}

async function resultOf<Of extends SubjectUnderLoad>({ name, times = 1, inject }: ProcessFault<Of>, subject: Of): Promise<FaultResult> {
  const { load } = subject;
  const failures: string[] = [];
  let detail = '';
  let isSkipped = false;
  const term = await subject.term();
  load.start();
  try {
    await load.progressed(WARM_UP_ADDS);
    detail = await inject(subject);
    await load.progressed(WARM_UP_ADDS);
  } catch (error) {
    isSkipped = error instanceof CannotInject;
    const text = error instanceof Error ? error.message : String(error);
    if (isSkipped) detail = text;
    else failures.push(text);
  }
  if (!(await load.drained(DRAIN_MS_MAX))) failures.push(`The queue was not drained within ${DRAIN_MS_MAX / 1_000} s.`);
  failures.push(...subject.endings());
  const counts = load.ledger.endFault();
  const error = load.takeError();
  if (counts.rejected + counts.unknown > 0 && error !== undefined) detail = `${detail}; the first error: ${error}`;
  if (counts.lost > 0) failures.push(`${counts.lost} acknowledged messages are lost.`);
  if (counts.duplicated > 0) failures.push(`${counts.duplicated} messages were completed twice.`);
  return { name, times, counts, elections: (await subject.term()) - term, detail, isSkipped, failures };
}

/** One line, and one for each failure. */
export function describeResult({ name, counts, elections, detail, isSkipped, failures }: FaultResult): string {
  const { acknowledged, rejected, unknown, lost, duplicated, longestGapMs } = counts;
  if (isSkipped) return `${name}: skipped, ${detail}`;
  const figures = [
    `${acknowledged} acknowledged, ${lost} lost, ${duplicated} duplicated, ${rejected} rejected, ${unknown} of unknown outcome`,
    `${elections} elections, longest gap ${longestGapMs.toFixed(0)} ms`,
  ];
  const line = `${name}: ${figures.join('; ')}${detail === '' ? '' : ` (${detail})`}`;
  return [line, ...failures.map((failure) => `  FAILED: ${failure}`)].join('\n');
}
