import { Argument } from 'commander';
import type { ClusterMembers } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { wholeNumber } from '../values.ts';

export const members: CliCommand = {
  name: 'members',
  group: 'Cluster',
  summary: 'Shows which nodes vote, as the leader has it.',
  arguments: [],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft members --data-dir ./data'],
  async run(invocation: Invocation<readonly [], ConnectionOptions>) {
    const { output, isJson } = invocation;
    await withCluster(invocation, async ({ cluster }) => {
      const found = await cluster.members();
      const leader = await cluster.waitForLeader();
      if (isJson) {
        output.document({ ...found, leader });
        return;
      }
      output.table(
        ['Node', 'Member', 'Leads', 'Running'],
        membershipsOf(found).map(({ node, membership }) => [
          String(node),
          membership,
          node === leader ? 'yes' : 'no',
          cluster.isRunning(node) ? 'yes' : 'no',
        ]),
      );
      if (!found.isSettled) output.line('A change of members is in progress.');
    });
  },
};

/** Each node once, by its id. */
export function membershipsOf({ voters, learners, joining, leaving }: ClusterMembers): { node: number; membership: string }[] {
  const memberships = new Map<number, string>();
  for (const node of voters) memberships.set(node, 'voter');
  for (const node of learners) memberships.set(node, 'learner, without a vote');
  for (const node of joining) memberships.set(node, 'joining: votes once it has caught up');
  for (const node of leaving) memberships.set(node, 'leaving: votes until the joining ones do');
  return [...memberships].map(([node, membership]) => ({ node, membership })).sort((one, other) => one.node - other.node);
}

export const transfer: CliCommand = {
  name: 'transfer',
  group: 'Cluster',
  summary: 'Transfers leadership to a node, or to the one with the most advanced log.',
  arguments: [new Argument('[node]', 'the id of the node that is to lead').argParser(wholeNumber(1))],
  options: connectionOptions(),
  json: 'document',
  mayHaveHappened: 'another node may lead',
  examples: ['jobraft transfer 2 --data-dir ./data', 'jobraft transfer --data-dir ./data'],
  async run(invocation: Invocation<readonly [node?: number], ConnectionOptions>) {
    const {
      args: [node],
      output,
      isJson,
    } = invocation;
    await withCluster(invocation, async ({ cluster }) => {
      const leader = await cluster.transferLeadership(node);
      if (isJson) output.document({ leader });
      else output.line(`Node ${leader} leads.`);
    });
  },
};
