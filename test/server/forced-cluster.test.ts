import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { warningOf } from '../../src/cli/commands/force-new-cluster.ts';
import { Queue } from '../../src/client/api/queue.ts';
import { connect } from '../../src/remote/connect.ts';
import { ForcedCluster } from '../../src/server/forced-cluster.ts';
import { jobraft } from '../cli/recorded-output.ts';
import { Nodes } from './nodes.ts';

const WAIT_MS = 60_000;
const LISTED = [1, 2, 3];

describe('a node that is made a new cluster', () => {
  it('has its jobs and is the only voter; nodes of the old cluster cannot join with their folders, and new ones can', async () => {
    const nodes = await Nodes.start(3);
    await using former = await connect({ endpoints: nodes.endpoints });
    await using formerQueue = new Queue('work', { connection: former });
    const optionsOf = (id: number) => ({ id, cluster: 'nodes', nodes: nodes.addresses, dataDir: nodes.dataDir(id) });
    {
      await using cluster = await connect({ endpoints: nodes.endpoints });
      await using queue = new Queue('work', { connection: cluster });
      for (let n = 0; n < 10; n += 1) await queue.add('job', n);
      expect(() => ForcedCluster.open(optionsOf(2))).toThrow(/is in use/);
      await vi.waitUntil(() => nodes.node(2).status()?.applied === nodes.node(1).status()?.applied, WAIT_MS);
    }
    const before = nodes.node(2).status();
    await Promise.all(LISTED.map((id) => nodes.node(id).close()));
    const file = join(nodes.folder, 'node-2.yaml');
    writeFileSync(file, JSON.stringify(optionsOf(2)));
    // Without a terminal it does not ask, and changes nothing.
    const asked = await jobraft(['force-new-cluster', '--config', file]);
    expect(asked).toMatchObject({ code: 2, out: '' });
    expect(asked.err).toMatch(
      /^WARNING: this gives up the cluster "nodes".*\n.*ARE LOST[\s\S]*USAGE: Nothing was changed\. Repeat the command with --yes/,
    );
    const mistyped = await jobraft(['force-new-cluster', '--config', file], { stdin: 'node\n', isTTY: true });
    expect(mistyped).toMatchObject({ code: 2, err: expect.stringContaining('The name is another one. Nothing was changed.') });
    using forced = ForcedCluster.open(optionsOf(2));
    expect(forced.plan).toMatchObject({ node: 2, voters: LISTED, isVoter: true });
    expect(forced.plan.last.index).toBeGreaterThanOrEqual(before?.lastIndex ?? 0);
    const newCluster = forced.form();
    expect(newCluster).not.toBe(forced.plan.cluster);
    forced[Symbol.dispose]();

    await nodes.start(2, { listed: LISTED });
    await using cluster = await connect({ endpoints: nodes.endpoints.slice(1, 2) });
    await using queue = new Queue('work', { connection: cluster });
    expect((await queue.getJobCounts()).waiting).toBe(10);
    expect((await cluster.members()).voters).toEqual([2]);
    // A program that runs on learns it by its next call.
    await expect(formerQueue.add('job', 10)).rejects.toMatchObject({
      code: 'CLUSTER_REPLACED',
      outcome: 'not-applied',
      message: expect.stringMatching(new RegExp(`another cluster now, with the id ${newCluster}: .* connected to ${forced.plan.cluster}`)),
    });
    await expect(former.backup(join(nodes.folder, 'jobs.backup'))).rejects.toMatchObject({ code: 'CLUSTER_REPLACED' });

    // Nodes of the old cluster: one alone finds no vote, and cannot join.
    const one = await nodes.start(1, { listed: LISTED });
    await vi.waitUntil(() => one.status()?.state === 'pre-candidate', WAIT_MS);
    await one.close();
    const failed = Promise.withResolvers<Error>();
    await nodes.start(3, { listed: LISTED, join: true }, { onFailure: failed.resolve });
    const message = expect.stringContaining('Empty the folder to join that one');
    expect(await failed.promise).toMatchObject({ code: 'CONFIG_INVALID', message });
    rmSync(nodes.dataDir(3), { recursive: true });
    const joined = Promise.withResolvers<void>();
    await nodes.start(3, { listed: [2], join: true }, { onJoined: joined.resolve, onFailure: joined.reject });
    await joined.promise;
    await queue.add('job', 10);
    expect((await cluster.members()).voters).toEqual([2, 3]);
    await vi.waitUntil(() => nodes.node(3).status()?.applied === nodes.node(2).status()?.applied, WAIT_MS);
  }, 120_000);

  it('is formed once its name was typed in a terminal', async () => {
    const nodes = await Nodes.start(2);
    await vi.waitUntil(() => (nodes.node(1).status()?.commit ?? 0) > 0, WAIT_MS);
    await Promise.all([1, 2].map((id) => nodes.node(id).close()));
    const options = { id: 1, cluster: 'nodes', nodes: nodes.addresses, dataDir: nodes.dataDir(1) };
    const file = join(nodes.folder, 'node-1.yaml');
    writeFileSync(file, JSON.stringify(options));
    const typed = await jobraft(['force-new-cluster', '--config', file], { stdin: 'nodes\n', isTTY: true });
    expect(typed).toMatchObject({ code: 0, out: expect.stringContaining('Node 1 is the only voter of the new cluster') });
    await expect(jobraft(['force-new-cluster', '--config', file, '--yes'])).resolves.toMatchObject({
      code: 2,
      err: expect.stringContaining('is the only voter of its cluster already'),
    });
  });

  it('is rejected for a folder without a node, and for a node that needs no other', async () => {
    const nodes = await Nodes.start(1);
    const options = { id: 1, cluster: 'nodes', nodes: nodes.addresses, dataDir: nodes.dataDir(1) };
    await vi.waitUntil(() => nodes.node(1).status()?.state === 'leader', WAIT_MS);
    await nodes.node(1).close();
    expect(() => ForcedCluster.open(options)).toThrow(/is the only voter of its cluster already/);
    const empty = mkdtempSync(`${tmpdir()}/jobraft-forced-`);
    onTestFinished(() => rmSync(empty, { recursive: true }));
    expect(() => ForcedCluster.open({ ...options, dataDir: empty })).toThrow(/not the folder of a node that has run/);
  });

  it('does not start before an interrupted change is repeated', async () => {
    const nodes = await Nodes.start(2);
    const options = { id: 1, cluster: 'nodes', nodes: nodes.addresses, dataDir: nodes.dataDir(1) };
    await vi.waitUntil(() => (nodes.node(1).status()?.commit ?? 0) > 0, WAIT_MS);
    await Promise.all([1, 2].map((id) => nodes.node(id).close()));
    const file = join(options.dataDir, 'node.json');
    const before = readFileSync(file);
    const form = (): void => {
      using forced = ForcedCluster.open(options);
      forced.form();
    };
    form();
    // As if the process had ended before this file was written.
    writeFileSync(file, before);
    await expect(nodes.start(1, { listed: [1, 2] })).rejects.toMatchObject({ code: 'STORAGE_FOREIGN' });
    form();
    const node = await nodes.start(1, { listed: [1, 2] });
    await vi.waitUntil(() => node.status()?.state === 'leader', WAIT_MS);
    expect(node.status()?.voters).toEqual([1]);
  });
});

describe('the warning', () => {
  it('names what is given up, what may be lost, and a node without a vote', () => {
    const plan = { node: 2, dataDir: 'data/node-2', cluster: 77, voters: LISTED, isVoter: false, last: { index: 90, term: 4 } };
    const text = warningOf('mail', plan).join('\n');
    for (const part of ['"mail" (id 77)', 'entry 90 of term 4', 'ARE LOST', '(1, 3) can never vote', 'DOES NOT VOTE'])
      expect(text).toContain(part);
    expect(warningOf('mail', { ...plan, isVoter: true }).join('\n')).not.toContain('DOES NOT VOTE');
  });
});
