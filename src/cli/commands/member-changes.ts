import { Argument } from 'commander';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { wholeNumber } from '../values.ts';

const aNode = (description: string): Argument => new Argument('<node>', description).argParser(wholeNumber(1));

export const membersAdd: CliCommand = {
  name: 'members add',
  group: 'Cluster',
  summary: 'Adds a node, and waits until it has everything and votes. A node that "serve --join" starts adds itself.',
  arguments: [aNode('the id of the new node'), new Argument('[address]', 'where it listens; of a cluster of processes (--endpoints) only')],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft members add 4 127.0.0.1:7104 --endpoints 127.0.0.1:7101', 'jobraft members add 4 --data-dir ./data'],
  async run(invocation: Invocation<readonly [node: number, address?: string], ConnectionOptions>) {
    const {
      args: [node, address],
      output,
      isJson,
    } = invocation;
    await withCluster(invocation, async ({ addMember }) => {
      await addMember(node, address);
      if (isJson) output.document({ added: node });
      else output.line(`Node ${node} votes.`);
    });
  },
};

export const membersRemove: CliCommand = {
  name: 'members remove',
  group: 'Cluster',
  summary: "Removes a node's vote and ends it; its folder stays. If it leads, another node takes over.",
  arguments: [aNode('the id of the node')],
  options: connectionOptions(),
  json: 'document',
  examples: ['jobraft members remove 4 --endpoints 127.0.0.1:7101', 'jobraft members remove 4 --data-dir ./data'],
  async run(invocation: Invocation<readonly [node: number], ConnectionOptions>) {
    const {
      args: [node],
      output,
      isJson,
    } = invocation;
    await withCluster(invocation, async ({ cluster }) => {
      await cluster.removeNode(node);
      if (isJson) output.document({ removed: node });
      else output.line(`Node ${node} is no member any more.`);
    });
  },
};
