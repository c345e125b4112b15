// A process of misbehaving clients: node crowd-process.js <CrowdTask as JSON>.
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { CrowdClient, CrowdCounts, MISBEHAVIOURS, misbehave, secureContextOf } from './crowd-clients.ts';
import type { CrowdReport, CrowdTask } from './crowd-task.ts';

const REPORT_EVERY_MS = 1_000;
/** Clients begin so far apart that the process itself is not what is measured. */
const APART_MS = 2;

// On other machines it would not take the nodes' processors.
setPriority(19);
// The only cast: the parent writes this argument.
const task = JSON.parse(process.argv[2] ?? '') as CrowdTask;
const counts = new CrowdCounts();
const secureContext = secureContextOf(task);
const kinds = Object.values(MISBEHAVIOURS);
process.on('disconnect', () => process.exit());
for (let client = 0; client < task.clients; client += 1) {
  const kind = kinds[client % kinds.length];
  const address = task.addresses[client % task.addresses.length];
  if (kind !== undefined && address !== undefined) void misbehave(new CrowdClient(task.token, secureContext, address, counts), kind);
  await sleep(APART_MS);
}
process.send?.({ type: 'ready', wallMs: Date.now() });
setInterval(() => {
  const { connected, closed, calls } = counts;
  process.send?.({ type: 'report', connected, closed, calls } satisfies CrowdReport);
}, REPORT_EVERY_MS);
