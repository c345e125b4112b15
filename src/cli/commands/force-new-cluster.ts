import { hostname } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { Option } from 'commander';
import { loadNodeConfig } from '../../config/load-node-config.ts';
import type { NodeConfig } from '../../config/node-config.ts';
import { STANDARD_OUTPUT } from '../../logs/log-folder.ts';
import type { NewClusterPlan } from '../../server/index.ts';
import type { CliCommand, Invocation } from '../command.ts';
import { UsageError } from '../exit-codes.ts';

interface ForceOptions {
  readonly config: string;
  readonly yes?: true;
}

export const forceNewCluster: CliCommand = {
  name: 'force-new-cluster',
  group: 'Cluster',
  summary: 'Makes one node, which does not run, the only voter of a new cluster, after a permanent loss of the majority. May lose jobs.',
  arguments: [],
  options: [
    new Option('--config <file>', "the surviving node's configuration, such as config/node-2.yaml").makeOptionMandatory(),
    new Option('--yes', 'do not ask'),
  ],
  json: 'document',
  examples: ['jobraft force-new-cluster --config config/node-2.yaml', 'jobraft force-new-cluster --config config/node-2.yaml --yes --json'],
  async run({ options, output, isJson, stdin, signal }: Invocation<readonly [], ForceOptions>) {
    const config = loadNodeConfig(options.config, process.env);
    using forced = await openForced(config);
    const { plan } = forced;
    for (const line of warningOf(config.cluster, plan)) output.note(line);
    if (options.yes !== true) {
      const input = stdin();
      if (!('isTTY' in input) || input.isTTY !== true)
        throw new UsageError('Nothing was changed. Repeat the command with --yes, or in a terminal, where it asks.');
      using question = createInterface({ input, output: process.stderr });
      const typed = await question.question(`Type the name of the cluster, ${config.cluster}, to go on: `, { signal });
      if (typed.trim() !== config.cluster) throw new UsageError('The name is another one. Nothing was changed.');
    }
    const cluster = forced.form();
    await writeAudit(config, cluster);
    if (isJson) output.document({ ...plan, newCluster: cluster });
    else {
      output.line(`Node ${plan.node} is the only voter of the new cluster ${cluster}. Start it, then add nodes with empty folders:`);
      output.line('jobraft serve --config <file> --join');
    }
  },
};

/** Not beside `using`: the compiler does not rewrite the extension of an import there. */
async function openForced(config: NodeConfig) {
  const { ForcedCluster } = await import('../../server/index.ts');
  return ForcedCluster.open(config);
}

/** The node that the configuration is of does not run. */
async function writeAudit({ id, audit }: NodeConfig, newCluster: number): Promise<void> {
  if (audit === undefined || audit === STANDARD_OUTPUT) return;
  const { AuditLog } = await import('../../logs/audit-log.ts');
  const log = new AuditLog(id, audit);
  log.write({
    who: `user id ${process.getuid?.() ?? 'unknown'}`,
    from: hostname(),
    command: 'force-new-cluster',
    arguments: { newCluster },
    outcome: 'done',
  });
  log[Symbol.dispose]();
}

/** What may be lost, and what must not happen any more. */
export function warningOf(name: string, { node, dataDir, cluster, voters, isVoter, last }: NewClusterPlan): string[] {
  const others = voters.filter((voter) => voter !== node).join(', ');
  return [
    `WARNING: this gives up the cluster "${name}" (id ${cluster}) with the voters ${voters.join(', ')}, and makes node ${node} in ${dataDir} a new cluster by itself.`,
    `Its log ends at entry ${last.index} of term ${last.term}. JOBS, RESULTS AND REMOVALS THAT WERE ACKNOWLEDGED AND ARE NOT IN IT ARE LOST; ones that were never acknowledged may appear. Jobs may be done again, and ids and fencing tokens given out again.`,
    ...(isVoter
      ? []
      : [
          `Node ${node} DOES NOT VOTE with this file: it may lack any part of what was acknowledged. Use another survivor if there is one.`,
        ]),
    'Do it only if a majority is lost for good. Of several survivors choose the one with the highest term, then the highest entry: the command shows both without --yes.',
    `The other nodes (${others}) can never vote or join with their folders. If a majority of them starts again, the old cluster goes on beside the new one, and both do the jobs: empty their folders. Copy ${dataDir} first.`,
  ];
}
