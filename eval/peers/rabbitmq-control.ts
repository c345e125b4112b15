import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { messageOf } from '../measuring/user-error.ts';
import { findProgram } from './server-process.ts';

export interface RabbitNode {
  readonly name: string;
  readonly port: number;
  readonly distributionPort: number;
  readonly epmdPort: number;
  readonly folder: string;
  /** Holds the cookie by which the nodes and their tools authenticate each other. */
  readonly home: string;
}

/** Where distributions install the commands that do not switch to another account. */
export const RABBIT_FOLDERS: readonly string[] = ['/usr/lib/rabbitmq/bin'];

export interface RabbitControl {
  /** Resolves when this many nodes are members of the cluster and up. */
  waitForNodes(count: number): Promise<void>;
  /** Resolves when this many members of the queue are up and have the same log. @returns the leader's node. */
  waitForMembers(queue: string, count: number): Promise<string>;
}

const CALL_MS_MAX = 60_000;
const WAIT_MS_MAX = 90_000;
const POLL_MS = 100;

// Erlang's idle schedulers spin for a while before they sleep; on a shared machine that takes time from other processes.
const NO_SPINNING = '+sbwt none +sbwtdcpu none +sbwtdio none';

/** The environment of a node and its tools: the machine's own installation is neither used nor written. */
export function rabbitEnvironment(node: RabbitNode): Record<string, string> {
  return {
    HOME: node.home,
    ERL_EPMD_PORT: String(node.epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: node.name,
    RABBITMQ_NODE_PORT: String(node.port),
    RABBITMQ_DIST_PORT: String(node.distributionPort),
    RABBITMQ_CONFIG_FILE: join(node.folder, 'rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: '/dev/null',
    RABBITMQ_ENABLED_PLUGINS_FILE: join(node.folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(node.folder, 'data'),
    RABBITMQ_LOG_BASE: join(node.folder, 'log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: join(node.folder, 'pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `-kernel inet_dist_use_interface {127,0,0,1} ${NO_SPINNING}`,
  };
}

interface QueueMember {
  readonly node: string;
  /** `leader` or `follower` when it is up. */
  readonly state: string;
  readonly commitIndex: string;
}

/** @param text what `rabbitmq-queues quorum_status --formatter json` prints. */
export function parseMembers(text: string): QueueMember[] {
  const members: unknown = JSON.parse(text);
  if (!Array.isArray(members)) throw new Error('RabbitMQ described the members of a queue in an unknown way.');
  return members.map((member: unknown) => {
    const cells = new Map(Object.entries(typeof member === 'object' && member !== null ? member : {}));
    const cell = (name: string): string => String(cells.get(name) ?? '');
    return { node: cell('Node Name'), state: cell('Raft State'), commitIndex: cell('Commit Index') };
  });
}

export function openRabbitControl(nodes: readonly RabbitNode[]): RabbitControl {
  /** @param command with `--node`: any node that is up reports on all. */
  const call = async (tool: string, ...args: readonly string[]): Promise<string> => {
    let failure: unknown;
    for (const node of nodes) {
      try {
        const file = findProgram(tool, RABBIT_FOLDERS) ?? tool;
        const options = { env: { ...process.env, ...rabbitEnvironment(node) }, timeout: CALL_MS_MAX };
        return (await promisify(execFile)(file, ['--quiet', '--node', node.name, ...args], options)).stdout;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  };
  const until = async <T>(what: string, ask: () => Promise<T | undefined>): Promise<T> => {
    const deadlineMs = performance.now() + WAIT_MS_MAX;
    let reason = '';
    while (performance.now() < deadlineMs) {
      try {
        const result = await ask();
        if (result !== undefined) return result;
      } catch (error) {
        reason = messageOf(error);
      }
      await sleep(POLL_MS);
    }
    throw new Error(`RabbitMQ: ${what} took more than ${WAIT_MS_MAX} ms. ${reason}`);
  };
  return {
    async waitForNodes(count) {
      await until('the cluster', async () => {
        await call('rabbitmqctl', 'await_online_nodes', String(count), '--timeout', '30');
        return true;
      });
    },
    waitForMembers: (queue, count) =>
      until(`the members of ${queue}`, async () => {
        const members = parseMembers(await call('rabbitmq-queues', 'quorum_status', queue, '--formatter', 'json'));
        const up = members.filter(({ state }) => state === 'leader' || state === 'follower');
        const isWhole = up.length === count && new Set(up.map(({ commitIndex }) => commitIndex)).size === 1;
        return isWhole ? up.find(({ state }) => state === 'leader')?.node : undefined;
      }),
  };
}
