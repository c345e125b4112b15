import { Argument, Option } from 'commander';
import { FlowProducer, type JobNode, JobNotFoundError } from '../../index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { type ConnectionOptions, connectionOptions, withCluster } from '../connection.ts';
import { printable } from '../printable.ts';
import { wholeNumber } from '../values.ts';
import { recordOf } from './jobs.ts';

const DEPTH_DEFAULT = 10;
const DEPTH_MAX = 64;
const CHILDREN_DEFAULT = 20;
const CHILDREN_MAX = 1_000;

interface FlowOptions extends ConnectionOptions {
  readonly depth: number;
  readonly children: number;
}

export const flow: CliCommand = {
  name: 'flow',
  group: 'Jobs',
  summary: 'Shows a job with the jobs below it, and the state of each.',
  arguments: [new Argument('<queue>', 'the name of the queue'), new Argument('<id>', 'the id of the job, as "add" printed it')],
  options: [
    ...connectionOptions(),
    new Option('--depth <levels>', 'how many levels').argParser(wholeNumber(1, DEPTH_MAX)).default(DEPTH_DEFAULT),
    new Option('--children <number>', 'how many children of a job, of each kind')
      .argParser(wholeNumber(1, CHILDREN_MAX))
      .default(CHILDREN_DEFAULT),
  ],
  json: 'document',
  examples: ['jobraft flow reports 17 --data-dir ./data', 'jobraft flow reports 17 --depth 2 --children 100 --data-dir ./data'],
  async run(invocation: Invocation<readonly [queue: string, id: string], FlowOptions>) {
    const {
      args: [queueName, id],
      options: { depth, children: maxChildren },
      output,
      isJson,
    } = invocation;
    await withCluster(invocation, async ({ client }) => {
      await using flows = new FlowProducer({ connection: client });
      const root = await flows.getFlow({ queueName, id, depth, maxChildren });
      if (root === undefined) throw new JobNotFoundError(id);
      if (isJson) output.document(documentOf(root));
      else for (const line of linesOf(root)) output.line(line);
    });
  },
};

/** No deeper than the levels of a flow. */
function documentOf({ job, children }: JobNode): object {
  return { ...recordOf(job), ...(children === undefined ? {} : { children: children.map(documentOf) }) };
}

/** A job, and those below it behind two more spaces for each level. */
export function linesOf({ job, children = [] }: JobNode, indent = ''): string[] {
  const own = `${indent}${printable(`${job.queueName}:${job.id}`)}  ${printable(job.name)}  ${job.state ?? 'unknown'}`;
  return [own, ...children.flatMap((child) => linesOf(child, `${indent}  `))];
}
