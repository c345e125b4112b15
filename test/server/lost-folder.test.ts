import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { connect } from '../../src/remote/connect.ts';
import { Nodes } from './nodes.ts';

const LISTED = [1, 2, 3];

it('a node whose folder was lost reports once that it votes again, and logs it; one that is only started again does not', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'jobraft-logs-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const nodes = await Nodes.start(3, 3, { logs: { dir } });
  await using cluster = await connect({ endpoints: nodes.endpoints });
  await using queue = new Queue('work', { connection: cluster });
  for (let n = 0; n < 10; n += 1) await queue.add('job', n);
  await nodes.node(3).close();
  rmSync(nodes.dataDir(3), { recursive: true });
  let reports = 0;
  const voting = Promise.withResolvers<void>();
  const onVoting = (): void => {
    reports += 1;
    voting.resolve();
  };
  await nodes.start(3, { listed: LISTED }, { onVoting, onFailure: voting.reject });
  await voting.promise;
  // Its vote counts: a majority with it, and without another node, commits.
  await nodes.node(2).close();
  await queue.add('job', 10);
  await nodes.node(3).close();
  await nodes.start(3, { listed: LISTED }, { onVoting });
  await queue.add('job', 11);
  expect(reports).toBe(1);
  const lines = readFileSync(join(dir, 'node-3.log'), 'utf8').trim().split('\n');
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ event }) => event === 'voting');
  expect(logged).toEqual([expect.objectContaining({ level: 'info', node: 3, msg: 'Node 3 has everything from the others, and votes' })]);
}, 120_000);
