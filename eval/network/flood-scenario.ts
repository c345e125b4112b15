import { fileURLToPath } from 'node:url';
import { Client, type ClusterEndpoint, Queue } from '../../src/index.ts';
import { type Processes, WAIT_MS_MAX } from '../upgrade/processes.ts';
import type { FloodReport, FloodSettings } from './flood-messages.ts';
import { addressOf } from './links.ts';
import { NODES, PORT } from './node-cluster.ts';
import type { Scenario } from './scenario.ts';

const QUEUE = 'flood';
const IN_FLIGHT = 512;
const DURATION_MS = { short: 3_000, full: 10_000 };

/** Adds as fast as they are taken, from a process of its own, beside the recorded load. */
async function flood(processes: Processes, durationMs: number): Promise<FloodReport> {
  const endpoints = NODES.map((node) => `${addressOf(node)}:${PORT}`);
  const settings: FloodSettings = { endpoints, queue: QUEUE, inFlight: IN_FLIGHT, durationMs };
  const entry = fileURLToPath(new URL('./flood.js', import.meta.url));
  let report: FloodReport | undefined;
  const running = processes.start('The flood', process.execPath, [entry, JSON.stringify(settings)], {
    onMessage: (message) => {
      // The only cast: the entry sends nothing else.
      report = message as FloodReport;
    },
  });
  await running.ended(durationMs + WAIT_MS_MAX);
  if (report === undefined) throw new Error(running.endText);
  return report;
}

/** @returns ids of acknowledged jobs that are not there. */
async function missing(cluster: ClusterEndpoint, ids: readonly string[]): Promise<string[]> {
  await using client = new Client(cluster, { deadlineMs: WAIT_MS_MAX });
  await using queue = new Queue(QUEUE, { connection: client });
  const found = new Set((await queue.getJobs('waiting')).map(({ id }) => id));
  return ids.filter((id) => !found.has(id));
}

/** Adds as fast as they are taken, then looks for each job. */
export async function floodLoss(client: ClusterEndpoint, processes: Processes, durationMs: number): Promise<FloodLoss> {
  const { ids, errors } = await flood(processes, durationMs);
  return { adds: ids.length, lost: (await missing(client, ids)).length, errors };
}

interface FloodLoss extends Pick<FloodReport, 'errors'> {
  /** Acknowledged. */
  readonly adds: number;
  readonly lost: number;
}

/** No node loses its leader under load alone. */
export const FLOOD_SCENARIOS: readonly Scenario[] = [
  {
    ...{ rows: 'C7', name: 'heavy load, no election', elections: 'none', isInShortForm: true },
    async run({ client, processes, isShort, note, fault }) {
      const { adds, lost, errors } = await floodLoss(client, processes, isShort ? DURATION_MS.short : DURATION_MS.full);
      if (lost > 0) fault(`${lost} of ${adds} jobs of the flood are lost.`);
      const rejected = Object.entries(errors).map(([code, count]) => `${count} ${code}`);
      note(`${adds} more adds by the flood, ${lost} lost${rejected.length === 0 ? '' : `, rejected: ${rejected.join(', ')}`}`);
    },
  },
];
