import { StateCode } from '../protocol/job-state.ts';
import { BACKOFF_TYPES } from '../protocol/policy.ts';
import { OutcomeKind, STALLED_REASON } from '../protocol/reply.ts';

import { type Job, JobFlag } from './job.ts';
import { BACKOFF_MS_MAX } from './state-bounds.ts';

const BACKOFF_NONE = BACKOFF_TYPES.indexOf('none');
const BACKOFF_EXPONENTIAL = BACKOFF_TYPES.indexOf('exponential');

/** Stored reasons are ASCII here, so a byte is a character. */
const asciiBytes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** The stored reason when the lease of the last attempt ends, in version 1. */
export const LEASE_EXPIRED_REASON = asciiBytes('The lease of the last attempt ended before its worker finished the job.');

/** The stored reason when a job is begun again and again by workers that do not finish it. */
export const stalledReason = (stalls: number, stalledMax: number): Uint8Array =>
  asciiBytes(
    `${STALLED_REASON}: it was begun ${stalls} times in a row, and each time its worker neither finished it nor extended its lease (maxStalledCount ${stalledMax})`,
  );

/** Whether this token holds the job's lease (invariant 3). */
export function isHeld(job: Job | undefined, token: number): job is Job {
  return job !== undefined && job.state === StateCode.active && job.token === token;
}

/** An attempt begins. */
export function begin(job: Job): void {
  job.isBegun = true;
  job.attempt += 1;
}

export function setOutcome(job: Job, kind: number, bytes: Uint8Array | undefined): void {
  if (job.end.outcomeKind === OutcomeKind.none && kind === OutcomeKind.none) return;
  const end = job.ownEnd();
  end.outcomeKind = kind;
  end.outcome = bytes;
  end.outcomeLength = bytes?.length ?? 0;
  job.flags |= JobFlag.outcomeDirty;
}

/** The pause before the next attempt, after `job.attempt` have failed. */
export function backoffMs(job: Job, version: number): number {
  const { backoff, backoffMs: baseMs } = job.policy;
  if (backoff === BACKOFF_NONE) return 0;
  if (backoff !== BACKOFF_EXPONENTIAL) return baseMs;
  // Version 1 cut a first pause that is longer than the bound down to it.
  const pauseMsMax = version === 1 ? BACKOFF_MS_MAX : Math.max(BACKOFF_MS_MAX, baseMs);
  return Math.min(pauseMsMax, baseMs * 2 ** Math.min(job.attempt - 1, 64));
}
