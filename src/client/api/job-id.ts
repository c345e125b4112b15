import { CUSTOM_ID_BYTES_MAX } from '../../protocol/limits.ts';
import { aValue, checkOptions } from '../option-check.ts';

/** A job: the number that the queue gave it, or the id that its client chose. */
export type JobIdentity = number | string;

const DECIMAL = /^[1-9]\d{0,15}$/;
const DIGITS = /^\d*$/;

/** @returns a number for an id that the queue gave. @throws {InvalidOptionError} for anything but a text that can be an id. */
export function parseJobId(id: unknown): JobIdentity {
  if (isGivenId(id)) return Number(id);
  if (isCustomId(id)) return id;
  checkOptions(typeof id === 'number' && isGivenId(String(id)) ? NUMBER : OTHER, id, ['id']);
  return String(id);
}

/** As {@link parseJobId}, where only an id is possible that the queue gave, as for a job under a lease. */
export function parseGivenJobId(id: unknown): number {
  if (!isGivenId(id)) checkOptions(GIVEN, id, ['id']);
  return Number(id);
}

/** Whether a client may choose this id. Digits alone are the ids that the queue gives. */
export function isCustomId(id: unknown): id is string {
  return typeof id === 'string' && !DIGITS.test(id) && id.isWellFormed() && Buffer.byteLength(id) <= CUSTOM_ID_BYTES_MAX;
}

export const CUSTOM_ID_REMEDY = `Give a text of 1 to ${CUSTOM_ID_BYTES_MAX} bytes of well-formed Unicode that are not only digits: those are the ids that the queue gives.`;

function isGivenId(id: unknown): boolean {
  return typeof id === 'string' && DECIMAL.test(id) && Number.isSafeInteger(Number(id));
}

const NUMBER = aValue(isGivenId, 'Give a string, as add() returned it as job.id: String(id).');
const OTHER = aValue(() => false, 'Give the string that add() returned as job.id.');
const GIVEN = aValue(isGivenId, 'Give the id that the queue gave the job.');
