import { connect } from '../../../src/remote/index.ts';
import type { MisbehaviourTask } from './misbehave.ts';
import { MISBEHAVING_CLIENTS } from './misbehaving-clients.ts';
import { SOCKET_CLIENTS } from './shared/socket-clients.ts';

/** One client that misbehaves towards one node, or one socket. Its result is what it sends to its parent. */
async function main(task: MisbehaviourTask): Promise<void> {
  process.send?.((await behave(task)) ?? `There is no ${task.name}.`);
}

async function behave(task: MisbehaviourTask): Promise<string | undefined> {
  if (task.kind === 'socket') return await SOCKET_CLIENTS.find(({ name }) => name === task.name)?.behave(task.socket);
  await using cluster = await connect({ endpoints: [task.address] });
  return await MISBEHAVING_CLIENTS.find(({ name }) => name === task.name)?.behave(task.node, task.address, cluster);
}

// The parent writes the argument.
await main(JSON.parse(process.argv[2] ?? '{}') as MisbehaviourTask);
process.disconnect?.();
