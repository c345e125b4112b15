import type { LogIndex, NodeId } from '../base/ids.ts';
import { asIndex } from '../base/ids.ts';
import type { Configuration } from './entry.ts';

/**
 * Vote counting only: pure functions of a configuration, tested with tables of cases. While a configuration is joint, both sets of voters
 * must agree (Raft §6). A node that a list names twice has one vote.
 */

export type VoteResult = 'won' | 'lost' | 'pending';

/** Each node once, in order. The lists are short and rarely have duplicates, and a leader calls this on every count. */
export function distinct(nodes: readonly NodeId[]): readonly NodeId[] {
  for (let at = 1; at < nodes.length; at += 1) if (nodes.indexOf(nodes[at] as NodeId) < at) return [...new Set(nodes)];
  return nodes;
}

/** Number of voters in a majority of `voters`, each of them named once. */
export const majorityOf = (voters: readonly NodeId[]): number => Math.floor(voters.length / 2) + 1;

/** @param granted true, false, or undefined while the voter has not replied. */
function voteResultOf(named: readonly NodeId[], granted: (voter: NodeId) => boolean | undefined): VoteResult {
  const voters = distinct(named);
  let yes = 0;
  let open = 0;
  for (const voter of voters) {
    const vote = granted(voter);
    if (vote === true) yes += 1;
    else if (vote === undefined) open += 1;
  }
  const needed = majorityOf(voters);
  if (yes >= needed) return 'won';
  return yes + open >= needed ? 'pending' : 'lost';
}

/** Whether this election is won, lost, or undecided (Raft §5.2). An empty set of voters agrees to everything. */
export function voteResult(configuration: Configuration, granted: (voter: NodeId) => boolean | undefined): VoteResult {
  const incoming = configuration.voters.length === 0 ? 'won' : voteResultOf(configuration.voters, granted);
  const outgoing = configuration.outgoing.length === 0 ? 'won' : voteResultOf(configuration.outgoing, granted);
  if (incoming === outgoing) return incoming;
  return incoming === 'lost' || outgoing === 'lost' ? 'lost' : 'pending';
}

/**
 * The highest value that a majority of the named voters has reached, or undefined when there are none. A leader calls this several times for
 * each entry: to sort three values by a comparison function allocates half a kilobyte.
 */
function majorityValueOf(named: readonly NodeId[], reachedBy: (voter: NodeId) => number): number | undefined {
  const voters = distinct(named);
  const descending: number[] = [];
  for (const voter of voters) {
    const value = reachedBy(voter);
    let at = descending.length;
    for (; at > 0 && (descending[at - 1] as number) < value; at -= 1) descending[at] = descending[at - 1] as number;
    descending[at] = value;
  }
  return descending[majorityOf(voters) - 1];
}

/** The highest value that a majority has reached, of both sets while joint; zero without voters. */
export function quorumValue(configuration: Configuration, reachedBy: (voter: NodeId) => number): number {
  const incoming = majorityValueOf(configuration.voters, reachedBy);
  const outgoing = majorityValueOf(configuration.outgoing, reachedBy);
  if (incoming === undefined) return outgoing ?? 0;
  return outgoing === undefined || incoming < outgoing ? incoming : outgoing;
}

/** The highest index that is on disk at a majority (Raft §5.3), of both sets while joint. */
export function quorumIndex(configuration: Configuration, matchOf: (voter: NodeId) => LogIndex): LogIndex {
  return asIndex(quorumValue(configuration, matchOf));
}

export const isVoter = (configuration: Configuration, node: NodeId): boolean =>
  configuration.voters.includes(node) || configuration.outgoing.includes(node);

/** All nodes that receive the log: voters of both sets, and members without a vote, each once. */
export function membersOf(configuration: Configuration): readonly NodeId[] {
  return distinct([...configuration.voters, ...configuration.outgoing, ...configuration.learners, ...configuration.joining]);
}
