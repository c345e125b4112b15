import { setTimeout as sleep } from 'node:timers/promises';
import type { Compose } from './compose.ts';
import { ADD_PROGRAM, COUNT_PROGRAM, FIND_PROGRAM, FLOOD_PROGRAM } from './programs.ts';

export const NODES = [1, 2, 3, 4, 5];
const QUEUE = 'numbers';
const JOBS_MAX = 5_000;
const FAULT_MS = 4_000;
const FLOOD_QUEUE = 'flood';
const FLOODS = 3;
const FLOOD_SECONDS = 15;
/** How often all nodes are restarted together. */
const RESTARTS = 5;

export interface ContainerScenario {
  /** The rows of the systems that jobraft is compared with. */
  readonly rows: string;
  readonly name: string;
  /** @returns what was seen. @throws {Error} when it is not what must be. */
  run(compose: Compose, ids: string[]): Promise<string>;
}

const expect = (isTrue: boolean, text: string): void => {
  if (!isTrue) throw new Error(text);
};

let loads = 0;

/** Adds jobs before, while and until something has happened, and finds all that were acknowledged. */
async function addDuring(compose: Compose, ids: string[], happens: () => Promise<void>): Promise<string> {
  loads += 1;
  const end = `end-${loads}`;
  const first = Promise.withResolvers<void>();
  const adding = compose.program(ADD_PROGRAM, { COUNT_MAX: String(JOBS_MAX), END: end, QUEUE }, first.resolve);
  await Promise.race([first.promise, adding]);
  // A failure of the load is reported after the fault has ended.
  adding.catch(() => undefined);
  await happens();
  await compose.expect(['run', '--rm', '--no-deps', '-T', 'client', 'add', end, 'end']);
  const added = lastLineOf<{ readonly ids: readonly string[]; readonly rejected: number }>(await adding);
  ids.push(...added.ids);
  return `${added.ids.length} adds acknowledged meanwhile, ${added.rejected} rejected, ${await lostOf(compose, ids)} of ${ids.length} lost so far`;
}

/** What a program printed last, as JSON. */
const lastLineOf = <Printed>(text: string): Printed => JSON.parse(text.trim().split('\n').at(-1) ?? '') as Printed;

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0);

async function lostOf(compose: Compose, ids: readonly string[]): Promise<number> {
  const { lost }: { readonly lost: readonly string[] } = JSON.parse(await compose.program(FIND_PROGRAM, { IDS: ids.join(','), QUEUE }));
  expect(lost.length === 0, `${lost.length} acknowledged jobs are lost: ${lost.slice(0, 5).join(', ')}`);
  return 0;
}

/** The entries of a node's log: index, term and command. */
async function logOf(compose: Compose, node: number): Promise<string> {
  const { stdout, stderr, code } = await compose.client(['log', String(node), '--json']);
  expect(code === 0, `The log of node ${node} cannot be read: ${stderr.trim()}`);
  return stdout;
}

async function equalLogs(compose: Compose): Promise<string> {
  const logs = await Promise.all(NODES.map((node) => logOf(compose, node)));
  expect(new Set(logs).size === 1, 'The logs of the nodes differ.');
  return 'the logs of all five are equal';
}

/** The lines that the system under comparison writes. */
const LINES = [
  /Node \d+ timed out, starting election/,
  /Node \d+ sends RPC RequestVote to Node \d+/,
  /Node \d+ sends RPC AppendEntries to Node \d+/,
  /Node \d+ becomes leader/,
];

const service = (node: number): string => `node${node}`;

export const SCENARIOS: readonly ContainerScenario[] = [
  {
    rows: 'G8, C1, C6',
    name: 'five nodes elect one leader, and their logs say so',
    async run(compose) {
      const { leader, term } = await compose.settled(NODES.length);
      const logs = await compose.expect(['logs', '--no-color']);
      for (const line of LINES) expect(line.test(logs), `The logs have no line like ${line}.`);
      const { stdout, code } = await compose.client(['logs', '-'], logs);
      expect(code === 0 && stdout.includes('5 nodes: 1, 2, 3, 4, 5'), `"jobraft logs" does not read the containers' logs: ${stdout}`);
      return `node ${leader} leads in term ${term}; "jobraft logs -" reads the containers' logs`;
    },
  },
  {
    rows: 'G6',
    name: 'what is added is in the log of every node',
    async run(compose, ids) {
      const added = await addDuring(compose, ids, async () => undefined);
      await compose.settled(NODES.length);
      return `${added}; ${await equalLogs(compose)}`;
    },
  },
  {
    rows: 'C2, G4',
    name: 'the leader is stopped, another one leads, and the stopped one follows it later',
    async run(compose, ids) {
      const before = await compose.settled(NODES.length);
      let after = before;
      const added = await addDuring(compose, ids, async () => {
        await compose.expect(['stop', service(before.leader)]);
        after = await compose.settled(NODES.length - 1);
      });
      expect(after.leader !== before.leader && after.term > before.term, `Node ${after.leader} leads in term ${after.term}.`);
      await compose.expect(['start', service(before.leader)]);
      await compose.settled(NODES.length);
      return `node ${before.leader} in term ${before.term}, then node ${after.leader} in term ${after.term}; ${added}; ${await equalLogs(compose)}`;
    },
  },
  {
    rows: 'G5, C5',
    name: 'the leader is paused under load, and gives up what no majority has',
    async run(compose, ids) {
      const { leader } = await compose.settled(NODES.length);
      const added = await addDuring(compose, ids, async () => {
        await compose.expect(['pause', service(leader)]);
        await sleep(FAULT_MS);
        await compose.expect(['unpause', service(leader)]);
      });
      await compose.settled(NODES.length);
      return `${added}; ${await equalLogs(compose)}`;
    },
  },
  {
    rows: 'C4',
    name: 'a node whose volume is lost comes back empty, gets everything, and votes',
    async run(compose, ids) {
      const { leader } = await compose.settled(NODES.length);
      const node = leader === 5 ? 4 : 5;
      await compose.expect(['rm', '--stop', '--force', service(node)]);
      await compose.expect([
        'run',
        '--rm',
        '--no-deps',
        '-T',
        '--user',
        'root',
        '--entrypoint',
        'sh',
        service(node),
        '-c',
        'rm -rf /data/* /data/.[!.]*',
      ]);
      await compose.expect(['up', '--detach', '--no-deps', service(node)]);
      await compose.settled(NODES.length);
      const { stdout } = await compose.client(['members', '--json']);
      expect(stdout.includes(String(node)), `Node ${node} does not vote: ${stdout}`);
      return `node ${node}; ${await lostOf(compose, ids)} of ${ids.length} lost; ${await equalLogs(compose)}`;
    },
  },
  {
    rows: 'C7',
    name: 'three clients send as much as they can, and no node loses its leader',
    async run(compose) {
      const before = await compose.settled(NODES.length);
      const variables = { QUEUE: FLOOD_QUEUE, SECONDS: String(FLOOD_SECONDS) };
      const replies = await Promise.all(Array.from({ length: FLOODS }, () => compose.program(FLOOD_PROGRAM, variables)));
      const floods = replies.map((text) => lastLineOf<{ readonly added: number; readonly rejected: number }>(text));
      const [added, rejected] = [sum(floods.map((flood) => flood.added)), sum(floods.map((flood) => flood.rejected))];
      const { waiting } = lastLineOf<{ readonly waiting: number }>(await compose.program(COUNT_PROGRAM, { QUEUE: FLOOD_QUEUE }));
      expect(waiting >= added, `${added} adds were acknowledged, and ${waiting} jobs wait.`);
      const after = await compose.settled(NODES.length);
      expect(
        after.term === before.term,
        `Node ${after.leader} leads in term ${after.term}, after node ${before.leader} in term ${before.term}.`,
      );
      return `${added} adds acknowledged, ${rejected} rejected, ${waiting} wait; node ${after.leader} leads in term ${after.term} as before; ${await equalLogs(compose)}`;
    },
  },
  {
    rows: 'C3, C7',
    name: 'all nodes are restarted together, again and again: they time out at the same time, and one leads in the end',
    async run(compose, ids) {
      const before = await compose.settled(NODES.length);
      for (let round = 0; round < RESTARTS; round += 1) await compose.expect(['restart', '--timeout', '0', ...NODES.map(service)]);
      const after = await compose.settled(NODES.length);
      return `${RESTARTS} restarts, ${after.term - before.term} terms later node ${after.leader} leads; ${await lostOf(compose, ids)} of ${ids.length} lost; ${await equalLogs(compose)}`;
    },
  },
  {
    rows: 'G7',
    name: 'all containers are killed, and start with everything',
    async run(compose, ids) {
      await compose.settled(NODES.length);
      await compose.expect(['kill', ...NODES.map(service)]);
      await compose.expect(['up', '--detach', ...NODES.map(service)]);
      const { leader, term } = await compose.settled(NODES.length);
      return `node ${leader} leads in term ${term}; ${await lostOf(compose, ids)} of ${ids.length} lost; ${await equalLogs(compose)}`;
    },
  },
];
