import { InvalidArgumentError } from 'commander';
import { JobraftError } from '../../src/base/errors.ts';
import { UserError } from './user-error.ts';

export function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new InvalidArgumentError('Give a whole number of at least 1.');
  return count;
}

/** A user error is printed as a sentence; only a defect of this program is printed with a stack trace. */
export async function withoutStackTraces(run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof UserError) && !(error instanceof JobraftError)) throw error;
    console.error(error.message);
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
  }
}
