import type { Progress } from '../../../src/raft/progress.ts';
import type { CoreView } from '../../../src/raft/raft-core.ts';
import { CommandError } from './arguments.ts';
import { configurationInWords, idInWords } from './format.ts';

/**
 * What a transcript can query of a node, or of a leader's progress of a follower, each as the text that `expect` compares and `show`
 * prints.
 */
export type Questions<Subject> = Readonly<Record<string, (subject: Subject) => string>>;

const listOf = (numbers: readonly number[]): string => numbers.join(',') || 'none';

const yesOrNo = (is: boolean): string => (is ? 'yes' : 'no');

const termsIn = ({ log }: CoreView): string => listOf(log.between(log.compacted.index, log.lastIndex).map(({ term }) => term));

export const NODE_QUESTIONS: Questions<CoreView> = {
  role: ({ role }) => role,
  term: ({ term }) => String(term),
  vote: ({ votedFor }) => String(votedFor ?? 'none'),
  leader: ({ leader }) => String(leader ?? 'none'),
  commit: ({ commit }) => String(commit),
  last: ({ log: { last } }) => `${last.index}@${last.term}`,
  log: (view) => termsIn(view),
  persisted: ({ log }) => String(log.persisted),
  compacted: ({ log: { compacted } }) => `${compacted.index}@${compacted.term}`,
  uncommitted: ({ leading }) => String(leading?.uncommittedBytes ?? 'none'),
  voters: ({ configuration }) => listOf(configuration.voters),
  outgoing: ({ configuration }) => listOf(configuration.outgoing),
  learners: ({ configuration }) => listOf(configuration.learners),
  joining: ({ configuration }) => listOf(configuration.joining),
  leaving: ({ configuration }) => listOf(configuration.leaving),
  retired: ({ isRemoved }) => yesOrNo(isRemoved),
  transfer: ({ leading }) => String(leading?.transfer?.to ?? 'none'),
};

export const PROGRESS_QUESTIONS: Questions<Progress> = {
  state: ({ state }) => state,
  match: ({ match }) => String(match),
  next: ({ next }) => String(next),
  inflight: ({ inflightMessages }) => String(inflightMessages),
  'inflight-bytes': ({ inflightBytes }) => String(inflightBytes),
  'probe-sent': ({ probeSent }) => yesOrNo(probeSent),
  'caught-up': ({ isCaughtUp }) => yesOrNo(isCaughtUp),
};

export function nodeInWords(id: number, view: CoreView): string {
  const { role, term, votedFor, leader, commit, log, configuration } = view;
  const compacted = log.compacted.index === 0 ? '' : `, compacted up to ${idInWords(log.compacted)}`;
  const vote = votedFor === undefined ? 'no vote' : `vote ${votedFor}`;
  const follows = leader === undefined || leader === id ? '' : ` of ${leader}`;
  const terms = termsIn(view);
  return `${id} is ${role}${follows} in term ${term} with ${vote}; log ${terms}${compacted}; commit ${commit}; ${configurationInWords(configuration)}`;
}

export function progressInWords(leader: number, peer: number, progress: Progress): string {
  const { state, match, next, inflightMessages, probeSent } = progress;
  const window = inflightMessages === 0 ? '' : `, ${inflightMessages} in flight`;
  return `${leader} sees ${peer} in ${state}: match ${match}, next ${next}${window}${state === 'probe' && probeSent ? ', its probe is in flight' : ''}`;
}

/** @throws {CommandError} with every difference to the expected state. */
export function checkState<Subject>(
  who: string,
  subject: Subject,
  questions: Questions<Subject>,
  expected: readonly [string, string][],
): void {
  const wrong: string[] = [];
  for (const [name, value] of expected) {
    const question = questions[name];
    if (question === undefined) throw new CommandError(`"${name}" cannot be queried. Use one of ${Object.keys(questions).join(', ')}.`);
    const actual = question(subject);
    if (actual !== value) wrong.push(`${name} is ${actual}, not ${value}`);
  }
  if (expected.length === 0) throw new CommandError(`"expect" needs a property. Use one of ${Object.keys(questions).join(', ')}.`);
  if (wrong.length > 0) throw new CommandError(`${who}: ${wrong.join('; ')}.`);
}
