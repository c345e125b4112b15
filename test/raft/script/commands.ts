import type { RaftConfig } from '../../../src/raft/config.ts';
import type { Arguments } from './arguments.ts';
import { CommandError } from './arguments.ts';
import type { Commands } from './command.ts';
import { DISK_COMMANDS } from './commands-disk.ts';
import { LEADER_COMMANDS } from './commands-leader.ts';
import { LINK_COMMANDS } from './commands-link.ts';
import { NODE_COMMANDS } from './commands-node.ts';
import { STATE_COMMANDS } from './commands-state.ts';
import type { WorldSetup } from './transcript-cluster.ts';
import { TranscriptCluster } from './transcript-cluster.ts';

const COMMANDS: Commands = { ...NODE_COMMANDS, ...LEADER_COMMANDS, ...DISK_COMMANDS, ...LINK_COMMANDS, ...STATE_COMMANDS };

/** Options of `cluster`, and the settings that they represent. */
const SETTINGS: Readonly<Record<string, keyof RaftConfig>> = {
  window: 'inflightMessagesMax',
  'window-bytes': 'inflightBytesMax',
  'message-bytes': 'messageBytesMax',
  'uncommitted-bytes': 'uncommittedBytesMax',
  election: 'electionTimeoutMs',
  heartbeat: 'heartbeatMs',
  'lost-leader': 'lostLeaderElectionMs',
  lease: 'leaseMs',
};

/** `cluster nodes=1,2,3 [voters= learners= disks=slow rounds=yes seed= window= …]`: always the first command. */
export function openCluster(args: Arguments): TranscriptCluster {
  if (args.command !== 'cluster') throw new CommandError('The first command is "cluster nodes=1,2,3".');
  const nodes = args.numbers('nodes');
  if (nodes === undefined || nodes.length === 0) throw new CommandError('"cluster" needs nodes=, as in nodes=1,2,3.');
  const learners = args.numbers('learners') ?? [];
  const config: Partial<Record<keyof RaftConfig, number>> = {};
  for (const [option, key] of Object.entries(SETTINGS)) {
    const value = args.number(option);
    if (value !== undefined) config[key] = value;
  }
  const setup: WorldSetup = {
    nodes,
    voters: args.numbers('voters') ?? nodes.filter((node) => !learners.includes(node)),
    learners,
    config,
    slowDisks: args.oneOf('disks', ['fast', 'slow']) === 'slow',
    rounds: args.yesOrNo('rounds') ?? false,
    seed: args.number('seed') ?? 1,
  };
  args.end();
  return new TranscriptCluster(setup);
}

/** @throws {CommandError} if there is no such command, or it is invalid. */
export function execute(cluster: TranscriptCluster, args: Arguments): void {
  const command = COMMANDS[args.command];
  if (command === undefined)
    throw new CommandError(`There is no command "${args.command}"; there are ${Object.keys(COMMANDS).sort().join(', ')}.`);
  command(cluster, args);
}
