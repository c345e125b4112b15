import { connect } from '../../../src/remote/index.ts';
import { NodeProcesses } from '../../processes/node-processes.ts';
import type { FaultCounts } from './delivery-ledger.ts';
import type { ProcessFault } from './faults.ts';
import { ProcessLoad } from './process-load.ts';
import { CannotInject, Subject } from './subject.ts';

export interface ProcessSoakOptions {
  readonly faults: readonly ProcessFault[];
  readonly nodes: number;
  readonly addsPerSecond: number;
  /** For the files of the nodes; it must not have any. */
  readonly folder: string;
  /** Receives a line for every fault. */
  readonly print: (line: string) => void;
}

/** The outcome of one fault. */
export interface FaultResult {
  readonly name: string;
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
export async function runFaults({ faults, nodes, addsPerSecond, folder, print }: ProcessSoakOptions): Promise<readonly FaultResult[]> {
  await using processes = await NodeProcesses.start({ config: { nodes, durability: 'full' }, dataDir: folder });
  await using cluster = await connect({ endpoints: processes.endpoints });
  await using load = new ProcessLoad(cluster, addsPerSecond);
  const subject = new Subject(processes, cluster, load, folder);
  const results: FaultResult[] = [];
  for (const fault of faults) {
    const result = await resultOf(fault, subject);
    results.push(result);
    print(describeResult(result));
    if (result.failures.length > 0) break;
  }
  return results;
}

async function resultOf({ name, inject }: ProcessFault, subject: Subject): Promise<FaultResult> {
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
  for (const id of subject.ids) {
    const node = subject.nodes.node(id);
    if (!node.isRunning) failures.push(`Node ${id} ended: ${node.endText}`);
  }
  const counts = load.ledger.endFault();
  const error = load.takeError();
  if (counts.rejected + counts.unknown > 0 && error !== undefined) detail = `${detail}; the first error: ${error}`;
  if (counts.lost > 0) failures.push(`${counts.lost} acknowledged messages are lost.`);
  if (counts.duplicated > 0) failures.push(`${counts.duplicated} messages were completed twice.`);
  return { name, counts, elections: (await subject.term()) - term, detail, isSkipped, failures };
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
