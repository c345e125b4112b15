/** Adds a node, moves the leadership, and removes the leader, all while the cluster takes jobs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Queue, startCluster } from 'jobraft';

const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-'));
const cluster = await startCluster({ nodes: 3, dataDir });
const queue = new Queue('jobs', { connection: cluster });
let isOver = false;
let added = 0;
const adding = (async () => {
  for (; !isOver; added += 1) await queue.add('work', { added });
})();

console.log(`voters: ${(await cluster.members()).voters.join(', ')}`);

const fourth = await cluster.addNode();
console.log(`node ${fourth} votes: ${(await cluster.members()).voters.includes(fourth)}`);

await cluster.transferLeadership(fourth);
console.log(`leader: ${await cluster.waitForLeader()}`);

// Another node takes over, and the thread of the removed one ends. Its file stays.
await cluster.removeNode(fourth);
const { voters } = await cluster.members();
console.log(`voters: ${voters.join(', ')}; the leader is one of them: ${voters.includes(await cluster.waitForLeader())}`);

isOver = true;
await adding;
const { waiting } = await queue.getJobCounts();
console.log(`every job that was added is there: ${waiting === added}`);

await queue.close();
await cluster.close();
rmSync(dataDir, { recursive: true });
