import { aValue, checkOptions } from '../option-check.ts';

const DECIMAL = /^[1-9]\d{0,15}$/;

/** @returns the job's number. @throws {InvalidOptionError} for anything but a text that add() may have returned as job.id. */
export function parseJobId(id: unknown): number {
  if (isIdText(id)) return Number(id);
  checkOptions(typeof id === 'number' && isIdText(String(id)) ? NUMBER : OTHER, id, ['id']);
  return Number(id);
}

function isIdText(id: unknown): boolean {
  return typeof id === 'string' && DECIMAL.test(id) && Number.isSafeInteger(Number(id));
}

const NUMBER = aValue(isIdText, 'Give a string, as add() returned it as job.id: String(id).');
const OTHER = aValue(isIdText, 'Give the string that add() returned as job.id.');
