import { connect } from '../../../src/remote/index.ts';
import { MISBEHAVING_CLIENTS, type MisbehaviourTask } from './misbehaving-clients.ts';

/** One client that misbehaves towards one node. Its result is what it sends to its parent. */
async function main({ name, node, address }: MisbehaviourTask): Promise<void> {
  const client = MISBEHAVING_CLIENTS.find((each) => each.name === name);
  await using cluster = await connect({ endpoints: [address] });
  process.send?.((await client?.behave(node, address, cluster)) ?? `There is no ${name}.`);
}

// The parent writes the argument.
await main(JSON.parse(process.argv[2] ?? '{}') as MisbehaviourTask);
process.disconnect?.();
