import { JobNotFoundError, LeaseLostError } from '../errors.ts';

/** The cluster's errors name a job by its number; its user knows it by its id. */
export async function namedAs<Value>(id: string, call: Promise<Value>): Promise<Value> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof JobNotFoundError) throw new JobNotFoundError(id);
    throw error instanceof LeaseLostError ? new LeaseLostError(id, error.outcome) : error;
  }
}
