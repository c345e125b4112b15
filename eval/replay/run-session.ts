import { countOf, formatCount, formatNumber } from '../measuring/format.ts';
import type { Progress } from '../measuring/progress.ts';
import { UserError } from '../measuring/user-error.ts';
import { deliveryFaultsOf, isBroken, isLate } from './delivery-faults.ts';
import { measureRun, type Session } from './measure-run.ts';
import { describeRun, expectedRunMs, type PlannedRun } from './run-plan.ts';
import type { RunRow } from './run-row.ts';

/** Consecutive broken runs after which the session ends. */
const BROKEN_MAX = 3;

/** Executes the planned runs one after the other, shows the progress, and ends early when it is interrupted. */
export async function runSession(plan: readonly PlannedRun[], session: Session, progress: Progress): Promise<readonly RunRow[]> {
  const rows: RunRow[] = [];
  let doneMs = 0;
  let broken = 0;
  for (const [at, planned] of plan.entries()) {
    if (session.signal.aborted) break;
    const label = `${at + 1}/${plan.length} ${describeRun(planned)}`;
    const expectedMs = expectedRunMs(planned);
    progress.onStep(label);
    const row = await measureRun(planned, session, (share) => progress.onAdvance(doneMs + share * expectedMs));
    rows.push(row);
    doneMs += expectedMs;
    progress.onAdvance(doneMs);
    progress.print(`${label}: ${describeRow(row)}`);
    broken = isBroken(row) ? broken + 1 : 0;
    if (broken === BROKEN_MAX && !session.signal.aborted) {
      throw new UserError(`${BROKEN_MAX} runs in a row broke (${row.reason}). The node logs are in ${session.files.logsDirOf(row.run)}.`);
    }
  }
  return rows;
}

function describeRow(row: RunRow): string {
  const parts: string[] = [];
  if (row.throughput_per_s !== null) parts.push(`${formatNumber(row.throughput_per_s)} msg/s`);
  if (row.latency_p50_ms !== null) parts.push(`p50 ${formatNumber(row.latency_p50_ms)} ms`);
  else if (row.is_steady === 0) parts.push('NOT STEADY');
  else if (row.service_p50_ms !== null) parts.push(`p50 from sending ${formatNumber(row.service_p50_ms)} ms`);
  parts.push(...(row.lost === 0 ? ['0 lost'] : []), ...deliveryFaultsOf([row]));
  if ((row.elections ?? 0) > 0) parts.push(countOf(row.elections ?? 0, 'election'));
  if (isLate(row)) parts.push('the sender was late');
  if (row.failed + row.unknown > 0) parts.push(`${formatCount(row.failed)} failed, ${formatCount(row.unknown)} unknown`);
  if (!row.valid) parts.push(`INVALID (${row.reason})`);
  return parts.join(', ');
}
