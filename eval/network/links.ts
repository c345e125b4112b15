import { execFileSync } from 'node:child_process';

const BRIDGE = 'bridge0';
const SUBNET = '10.77.0';
const PREFIX_BITS = 24;
/** No interface has it: what is sent there arrives nowhere, and its sender does not notice. */
const NO_INTERFACE = '02:00:00:00:00:ff';
/** Of the tests, and of the proxies. */
export const CLIENT_ADDRESS = `${SUBNET}.254`;

export const addressOf = (node: number): string => `${SUBNET}.${node}`;
export const namespaceOf = (node: number): string => `node-${node}`;
const portOf = (node: number): string => `port-${node}`;

/** From one node to another one. */
export type Direction = readonly [from: number, to: number];

/** Commands of `ip` in the sender's namespace. By the first, packets are lost silently, and in this direction only. */
const blocked = (to: number): string => `neigh replace ${addressOf(to)} lladdr ${NO_INTERFACE} nud permanent dev eth0`;
const unblocked = (to: number): string => `neigh del ${addressOf(to)} dev eth0`;

/** @returns the commands of each namespace, so that each needs one process, and its links are cut at nearly the same moment. */
export function batches(directions: readonly Direction[], command: (to: number) => string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [from, to] of directions) found.set(namespaceOf(from), `${found.get(namespaceOf(from)) ?? ''}${command(to)}\n`);
  return found;
}

/**
 * A bridge, with a namespace for each node and a pair of virtual interfaces between them. This process is at the bridge, and reaches every
 * node that is plugged in, whatever is blocked between nodes.
 */
export class Links {
  readonly #nodes = new Set<number>();
  readonly #unplugged = new Set<number>();
  readonly #blocked = new Map<string, Direction>();

  constructor() {
    ip(['link', 'set', 'lo', 'up']);
    ip(['link', 'add', 'name', BRIDGE, 'type', 'bridge']);
    ip(['address', 'add', `${CLIENT_ADDRESS}/${PREFIX_BITS}`, 'dev', BRIDGE]);
    ip(['link', 'set', BRIDGE, 'up']);
  }

  addNode(node: number): void {
    if (this.#nodes.has(node)) return;
    this.#nodes.add(node);
    const namespace = namespaceOf(node);
    ip(['netns', 'add', namespace]);
    ip(['link', 'add', 'name', portOf(node), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace]);
    ip(['link', 'set', portOf(node), 'master', BRIDGE, 'up']);
    ip(['-n', namespace, 'address', 'add', `${addressOf(node)}/${PREFIX_BITS}`, 'dev', 'eth0']);
    for (const device of ['lo', 'eth0']) ip(['-n', namespace, 'link', 'set', device, 'up']);
  }

  /** Cuts a node off from all, this process included, like a cable that is pulled out. */
  unplug(...nodes: readonly number[]): void {
    for (const node of nodes) {
      ip(['link', 'set', portOf(node), 'down']);
      this.#unplugged.add(node);
    }
  }

  plug(...nodes: readonly number[]): void {
    for (const node of nodes) {
      ip(['link', 'set', portOf(node), 'up']);
      this.#unplugged.delete(node);
    }
  }

  /** Packets are lost in one direction. A TCP connection then carries what the other side sends until its window is full: no acknowledgement arrives. */
  blockOneWay(directions: readonly Direction[]): void {
    for (const [namespace, commands] of batches(directions, blocked)) ip(['-n', namespace, '-batch', '-'], commands);
    for (const direction of directions) this.#blocked.set(direction.join(), direction);
  }

  block(links: readonly Direction[]): void {
    this.blockOneWay(
      links.flatMap(([one, other]): Direction[] => [
        [one, other],
        [other, one],
      ]),
    );
  }

  restore(): void {
    this.plug(...this.#unplugged);
    for (const [namespace, commands] of batches([...this.#blocked.values()], unblocked)) ip(['-n', namespace, '-batch', '-'], commands);
    this.#blocked.clear();
  }
}

/** @param commands for `-batch -`. @throws with what it printed. */
function ip(args: readonly string[], commands = ''): void {
  execFileSync('ip', args, { input: commands, stdio: ['pipe', 'ignore', 'pipe'] });
}
