import '../runtime/check.ts';

import { once } from 'node:events';
import { Command } from 'commander';
import { JobraftError } from '../base/errors.ts';
import { loadNodeConfig } from '../config/load-node-config.ts';
import { startNode } from '../server/index.ts';

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** A user's mistake, or a fault of the machine, is reported by its message with the remedy; any other error keeps its stack trace. */
function reportFailure(error: unknown): void {
  const text = error instanceof JobraftError ? `${error.code}: ${error.message}` : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = 1;
}

async function serve(file: string): Promise<void> {
  const config = loadNodeConfig(file, process.env);
  const address = config.nodes.find(({ id }) => id === config.id)?.address;
  const name = `Node ${config.id} of the cluster "${config.cluster}"`;
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  let onFailure: (error: Error) => void = () => undefined;
  const failed = new Promise<Error>((resolve) => {
    onFailure = resolve;
  });
  const node = await startNode(config, {
    onWaiting: ({ missing, reason = '' }) => say(`${name} waits for node ${missing.join(', ')} to form the cluster. ${reason}`.trimEnd()),
    onFormed: () => say(`${name} runs at ${address}`),
    onFailure,
  });
  const failure = await Promise.race([stopped.then(() => undefined), failed]);
  await node.close();
  if (failure === undefined) say(`${name} has stopped`);
  else reportFailure(failure);
}

const command = new Command('serve')
  .description('Runs one node of a cluster, until SIGINT or SIGTERM.')
  .requiredOption('--config <file>', "the node's configuration, such as config/node-1.yaml")
  .action(async ({ config }: { readonly config: string }) => serve(config));

try {
  await command.parseAsync();
} catch (error) {
  reportFailure(error);
}
