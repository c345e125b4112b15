import { once } from 'node:events';
import { Option } from 'commander';
import type { CliCommand, Invocation } from '../command.ts';

interface ServeOptions {
  readonly config: string;
  readonly join?: true;
  readonly metrics?: string;
}

/** What a line says, as `--json` prints it. */
interface ServeEvent {
  readonly event: 'waiting' | 'running' | 'joined' | 'voting' | 'stopped';
  readonly node: number;
  readonly address?: string | undefined;
  /** Nodes that have not replied yet; the cluster is formed once all have. */
  readonly missing?: readonly number[];
  readonly reason?: string;
}

export const serve: CliCommand = {
  name: 'serve',
  group: 'Start',
  summary: 'Runs one node of a cluster as a process, until Ctrl-C or SIGTERM.',
  arguments: [],
  options: [
    new Option('--config <file>', "the node's configuration, such as config/node-1.yaml").makeOptionMandatory(),
    new Option('--join', 'join the running cluster of the other nodes in the configuration; without effect for a member'),
    new Option('--metrics <host:port>', 'serve /metrics, /healthz and /readyz there by HTTP; or the setting "metrics"'),
  ],
  json: 'lines',
  examples: [
    'jobraft serve --config config/node-1.yaml',
    'jobraft serve --config config/node-4.yaml --join',
    'jobraft serve --config config/node-1.yaml --metrics 127.0.0.1:7201',
    'JOBRAFT_LOGS_DIR=logs JOBRAFT_LOG_LEVEL=debug jobraft serve --config config/node-1.yaml --json',
  ],
  async run({ options, output, isJson, signal }: Invocation<readonly [], ServeOptions>) {
    const { loadNodeConfig } = await import('../../config/load-node-config.ts');
    const loaded = loadNodeConfig(options.config, process.env, options.metrics === undefined ? {} : { metrics: options.metrics });
    const config = { ...loaded, join: loaded.join || options.join === true };
    const { id: node, cluster } = config;
    const address = config.nodes.find(({ id }) => id === node)?.address;
    const name = `Node ${node} of the cluster "${cluster}"`;
    const say = (text: string, event: ServeEvent): void => {
      if (isJson) output.record(event);
      else output.line(text);
    };
    let onFailure: (error: Error) => void = () => undefined;
    const failed = new Promise<never>((_, reject) => {
      onFailure = reject;
    });
    const { startNode } = await import('../../server/index.ts');
    const running = await startNode(config, {
      onWaiting: ({ missing, reason = '' }) =>
        say(`${name} waits for node ${missing.join(', ')} to form the cluster. ${reason}`.trimEnd(), {
          ...{ event: 'waiting', node, missing, reason },
        }),
      onFormed: () => say(`${name} runs at ${address}.`, { event: 'running', node, address }),
      onPeerRejects: ({ peer, address, reason }) => output.note(`Node ${peer}, at ${address}, rejects node ${node}: ${reason}`),
      onInsecure: ({ message }) => output.note(message),
      onJoined: () => say(`${name} has joined the cluster: it has everything, and votes.`, { event: 'joined', node }),
      onRepair: ({ damage, movedTo }) =>
        output.note(`${damage.message} It was moved to ${movedTo}, and the node is being rebuilt from the others.`),
      onVoting: () => say(`${name} has everything from the others, and votes.`, { event: 'voting', node }),
      onFailure,
    });
    try {
      if (!signal.aborted) await Promise.race([once(signal, 'abort'), failed]);
    } finally {
      await running.close();
    }
    say(`${name} has stopped.`, { event: 'stopped', node });
  },
};
