import { readFileSync, writeFileSync } from 'node:fs';
import { JobraftError } from '../base/errors.ts';
import { PLAN_DEFAULTS, type Plan } from './plan.ts';
import type { Failure } from './run-plan.ts';

/** A saved run: its plan, and the violation that it showed when it was found. */
export interface SavedTrace {
  readonly plan: Plan;
  readonly failure: Failure;
}

export class TraceFileError extends JobraftError {
  override readonly code = 'TRACE_INVALID';
}

export function saveTrace(file: string, trace: SavedTrace): void {
  writeFileSync(file, `${JSON.stringify(trace, undefined, 1)}\n`);
}

/** @throws {TraceFileError} when the file is not a trace. */
export function readTrace(file: string): SavedTrace {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TraceFileError(`The trace ${file} cannot be read (${reason}). Name a file that "npm run sim" saved.`, { cause });
  }
  if (!isTrace(parsed)) throw new TraceFileError(`The file ${file} is not a trace. Name a file that "npm run sim" saved.`);
  return { ...parsed, plan: { ...PLAN_DEFAULTS, ...parsed.plan } };
}

function isTrace(value: unknown): value is SavedTrace {
  if (typeof value !== 'object' || value === null || !('plan' in value) || !('failure' in value)) return false;
  const { plan } = value;
  return typeof plan === 'object' && plan !== null && 'seed' in plan && 'faults' in plan && Array.isArray(plan.faults);
}
