import { CHANGE_MUTANTS } from './change-mutants.ts';
import { CLIENT_MUTANTS } from './client-mutants.ts';
import { CONSENSUS_MUTANTS } from './consensus-mutants.ts';
import { DEDUPLICATION_MUTANTS } from './deduplication-mutants.ts';
import { EVENT_MUTANTS } from './event-mutants.ts';
import { FLOW_MUTANTS } from './flow-mutants.ts';
import { LOG_MUTANTS } from './log-mutants.ts';
import { MEMORY_MUTANTS } from './memory-mutants.ts';
import type { Mutant } from './mutant.ts';
import { QUEUE_MUTANTS } from './queue-mutants.ts';
import { TRANSACTION_MUTANTS } from './transaction-mutants.ts';

/** Each `find` is exactly once in its file; a change of the code that removes one fails the run. */
export const MUTANTS: readonly Mutant[] = [
  ...CONSENSUS_MUTANTS,
  ...QUEUE_MUTANTS,
  ...CHANGE_MUTANTS,
  ...DEDUPLICATION_MUTANTS,
  ...EVENT_MUTANTS,
  ...FLOW_MUTANTS,
  ...CLIENT_MUTANTS,
  ...LOG_MUTANTS,
  ...TRANSACTION_MUTANTS,
  ...MEMORY_MUTANTS,
];
