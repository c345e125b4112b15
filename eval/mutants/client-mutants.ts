import type { Mutant } from './mutant.ts';

/** In the delivery of a client's calls: repetitions, sessions, rejections. */
export const CLIENT_MUTANTS: readonly Mutant[] = [
  {
    mistake: 20,
    name: 'a request of an expired session is sent in the next one although it was sent before',
    file: 'client/delivery/outcomes.ts',
    find: 'const isUncertain = batch.uncertainSends > 1;',
    replace: 'const isUncertain = false;',
  },
  {
    mistake: 20,
    name: 'one rejection of a request counts for all of its sendings',
    file: 'client/delivery/dispatcher.ts',
    find: "if (rejection.outcome === 'not-applied' && batch.uncertainSends > 0) batch.uncertainSends -= 1;",
    replace: "if (rejection.outcome === 'not-applied') batch.uncertainSends = 0;",
  },
  {
    mistake: 20,
    name: 'a call that was sent ends as not applied at its deadline',
    file: 'client/delivery/batch.ts',
    find: "return !this.isRead && (this.uncertainSends > 0 || this.mayHaveTakenEffect) ? 'unknown' : 'not-applied';",
    replace: "return !this.isRead && this.mayHaveTakenEffect ? 'unknown' : 'not-applied';",
  },
  {
    mistake: 20,
    name: 'a kept call is dropped when its session expires',
    file: 'client/delivery/outcomes.ts',
    find: '} else if (batch.kept > 0) {',
    replace: '} else if (batch.kept > 1_000_000) {',
  },
  {
    mistake: 20,
    name: 'a kept call that took effect before is reported as rejected',
    file: 'client/delivery/outcomes.ts',
    find: 'mayHaveTakenEffect || batch.mayHaveTakenEffect);',
    replace: 'false && mayHaveTakenEffect);',
  },
  {
    mistake: 20,
    name: 'a client acknowledges replies that it does not have',
    file: 'client/delivery/session-queue.ts',
    find: 'for (const sequence of this.unanswered.keys()) return sequence;\n',
    replace: '',
  },
];
