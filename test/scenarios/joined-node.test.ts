import { join } from 'node:path';
import { Queue } from 'jobraft';
import { connect } from 'jobraft/remote';
import { expect, it } from 'vitest';
import { freeAddresses } from '../../eval/processes/free-addresses.ts';
import { NodeProcess } from './node-process.ts';
import { aFolder } from './support.ts';

it('a node joins by "serve --join", and is a new cluster by "force-new-cluster" once the other one is lost', async () => {
  using folder = aFolder();
  const [one = '', four = ''] = await freeAddresses(2);
  const environment = (id: number): Record<string, string> => ({
    JOBRAFT_DATA_DIR: join(folder.path, `node-${id}`),
    JOBRAFT_NODES: id === 1 ? `1=${one}` : `1=${one},4=${four}`,
  });
  const start = (id: number, words: readonly string[]): NodeProcess => new NodeProcess(id, environment(id), undefined, words);
  await using founder = start(1, ['serve']);
  await founder.printed('runs at');
  {
    await using cluster = await connect({ endpoints: [one] });
    await using queue = new Queue('work', { connection: cluster });
    await queue.add('job', 1);
    await using joining = start(4, ['serve', '--join']);
    await joining.printed('has joined the cluster');
    await queue.add('job', 2);
    await founder.end('SIGKILL');
    expect(await joining.end('SIGTERM')).toBe(0);
  }
  await using asked = start(4, ['force-new-cluster']);
  expect(await asked.exited()).toBe(2);
  expect(asked.errorOutput).toMatch(/WARNING: this gives up the cluster "jobraft"[\s\S]*Nothing was changed/);
  await using forced = start(4, ['force-new-cluster', '--yes']);
  expect(await forced.exited()).toBe(0);
  await using alone = start(4, ['serve']);
  await alone.printed('runs at');
  await using cluster = await connect({ endpoints: [four] });
  await using queue = new Queue('work', { connection: cluster });
  expect((await queue.getJobCounts()).waiting).toBe(2);
  expect((await cluster.members()).voters).toEqual([4]);
});
