import type { Mutant } from './mutant.ts';

/** In transactions. */
export const TRANSACTION_MUTANTS: readonly Mutant[] = [
  {
    mistake: 12,
    name: 'a transaction executes the operations before the one that is rejected',
    file: 'queue/transaction.ts',
    find: 'faultOf(jobs, operation);\n',
    replace: '(at > 0 ? APPLIED : faultOf(jobs, operation));\n',
  },
  {
    mistake: 12,
    name: 'the check of an operation ignores an earlier one on the same job',
    file: 'protocol/transaction.ts',
    find: '      jobs.add(operation.jobId);\n',
    replace: '',
  },
  {
    mistake: 16,
    name: 'retention in a transaction removes a job that a later operation names',
    file: 'queue/job-indexes.ts',
    find: '      if (this.named.has(oldest.id)) return;\n',
    replace: '',
  },
  {
    mistake: 16,
    name: 'what a transaction names is kept for ever',
    file: 'queue/transaction.ts',
    find: '  jobs.named = NO_JOBS;\n',
    replace: '',
  },
  {
    mistake: 12,
    name: 'a transaction may name a job that an earlier operation changes',
    file: 'queue/transaction.ts',
    find: '      conflicts.add(operation);\n',
    replace: '',
  },
  {
    mistake: 15,
    name: 'a worker completes a job again that a transaction of its processor completed',
    file: 'client/worker/worker.ts',
    find: 'if (held.ending !== undefined) this.#slots',
    replace:
      'if (held.ending?.type === undefined || held.ending.type === "completed") this.#send(held, report);\n    else if (held.ending !== undefined) this.#slots',
  },
  {
    mistake: 15,
    name: 'a token needs nothing for the operations of a transaction',
    file: 'protocol/demands.ts',
    find: 'demands.push(demandsOfTransaction(operation, request, version));',
    replace: 'demands.push(demandsOfTransaction(operation, request, version).slice(0, 0));',
  },
  {
    mistake: 12,
    name: 'the result of a transaction counts as several',
    file: 'queue/reply-encoder.ts',
    find: '    this.#results -= count;\n',
    replace: '',
  },
];
