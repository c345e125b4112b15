import '../../src/runtime/check.ts';

import { resolve } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { parseCount, withoutStackTraces } from '../measuring/command-line.ts';
import { addResultsFolder, type FolderOptions, outputFoldersOf } from '../measuring/output-folders.ts';
import { bullmq } from './bullmq.ts';
import { etcd } from './etcd.ts';
import { jobraft } from './jobraft.ts';
import { jobraftFolder } from './jobraft-folder.ts';
import { jobraftProcesses } from './jobraft-processes.ts';
import { nats } from './nats.ts';
import type { Peer } from './peer.ts';
import { pgBoss } from './pg-boss.ts';
import { rabbitmq } from './rabbitmq.ts';
import { runPeers } from './run-peers.ts';

const PEERS: readonly Peer[] = [jobraftProcesses, jobraftFolder, etcd, nats, rabbitmq, bullmq, pgBoss];

interface Options extends FolderOptions {
  readonly only?: readonly Peer[];
  readonly rounds: number;
  readonly seconds: number;
  readonly loadSeconds: number;
  readonly seed: number;
  readonly dataDir?: string;
}

const command = addResultsFolder(new Command('bench:peers'), 'where peers.csv goes')
  .description(
    'The same workload on jobraft, its nodes as threads, as processes and in another process of a shared folder, and on the queues that are installed on this machine, each started and stopped by this command.',
  )
  .option(
    '--only <peers>',
    `some of ${PEERS.map(({ id }) => id).join(', ')}; jobraft is always measured beside them (default: all)`,
    parsePeers,
  )
  .option('--rounds <count>', 'how often every system is started and measured', parseCount, 5)
  .option('--seconds <count>', 'how long each load is measured, after it has become steady', parseCount, 10)
  .option('--load-seconds <count>', 'how long each of the four rates of the open loop is offered', parseCount, 20)
  .option('--seed <number>', "seed of jobraft's randomised timeouts and of the arrivals of the open loop", parseCount, 1)
  .option('--data-dir <folder>', "temporary folder for the servers' data (default: a folder beside peers.csv)")
  .action(async (options: Options) => {
    const { out } = outputFoldersOf(options);
    process.exitCode = await runPeers({
      peers: [jobraft, ...(options.only ?? PEERS)],
      rounds: options.rounds,
      seconds: options.seconds,
      loadSeconds: options.loadSeconds,
      seed: options.seed,
      out,
      dataDir: resolve(options.dataDir ?? out, `peers-data-${process.pid}`),
      print: (line) => console.log(line),
    });
  });

function parsePeers(text: string): Peer[] {
  return text.split(',').map((id) => {
    const peer = PEERS.find((known) => known.id === id.trim());
    if (peer === undefined) throw new InvalidArgumentError(`Known are ${PEERS.map((known) => known.id).join(', ')}.`);
    return peer;
  });
}

await withoutStackTraces(() => command.parseAsync());
