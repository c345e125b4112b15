import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NodeProcesses } from './node-process.ts';
import { aFolder } from './support.ts';

it('"serve" prints that a node whose folder was lost votes again', async () => {
  using folder = aFolder();
  await using nodes = await NodeProcesses.start(folder.path);
  await nodes.node(3).end('SIGKILL');
  rmSync(join(folder.path, 'node-3'), { recursive: true });
  const node = nodes.begin(3);
  await node.printed('Node 3 of the cluster "jobraft" has everything from the others, and votes.\n');
  expect(node.output).toMatch(/^Node 3 of the cluster "jobraft" runs at .*\nNode 3 .* has everything/m);
  expect(nodes.node(1).output).not.toContain('has everything');
});
