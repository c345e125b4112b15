import { execSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { type ClusterOptions, Queue, startCluster } from 'jobraft';
import { faultsOf } from 'jobraft/testing';
import { describe, expect, it } from 'vitest';
import { aCluster, clientOf, eventually, settledLeader } from './support.ts';

type Repair = Parameters<NonNullable<ClusterOptions['onRepair']>>[0];

interface Row {
  readonly table: string;
  readonly kind: string;
  readonly key: number;
  readonly column: string;
}

const fileOf = (dataDir: string, node: number): string => join(dataDir, `node-${node}`, 'jobraft.db');

/** Every row of a node's file, with the column of its value. */
function rowsOf(file: string): Row[] {
  const db = new Database(file, { readonly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").pluck().all().map(String);
  const kept = new Set(db.prepare('SELECT key FROM record_entry').pluck().all());
  const rows = tables.flatMap((table) => {
    const column = table === 'entry' ? 'data' : 'value';
    return db
      .prepare(`SELECT rowid FROM "${table}"`)
      .pluck()
      .all()
      .map((key) => ({ table, kind: table === 'entry' && kept.has(key) ? 'kept entry' : table, key: Number(key), column }));
  });
  db.close();
  return rows;
}

/** Flips one bit of the row's value; of its checksum when the value is empty. */
function flipBit(file: string, { table, key, column }: Row): void {
  const db = new Database(file);
  const bytes: unknown = db.prepare(`SELECT "${column}" FROM "${table}" WHERE rowid = ?`).pluck().get(key);
  if (!(bytes instanceof Uint8Array)) throw new Error(`row ${key} of ${table} has no value`);
  if (bytes.length === 0) db.prepare(`UPDATE "${table}" SET checksum = checksum + 1 WHERE rowid = ?`).run(key);
  else {
    const at = Math.floor(bytes.length / 2);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    db.prepare(`UPDATE "${table}" SET "${column}" = ? WHERE rowid = ?`).run(bytes, key);
  }
  db.close();
}

/** The places of payloads. */
const PAYLOADS: ReadonlySet<string> = new Set(['record_content', 'record_entry', 'kept entry']);

describe('a flipped bit', () => {
  it('in any row of one node’s file is found before it is served, and the node is rebuilt from its peers', async () => {
    const repairs: Repair[] = [];
    await using scene = await aCluster({
      // The tail is longer than the entries that a stopped node misses: a snapshot would replace the damaged row before it is read.
      limits: { checkpointEntries: 5, tailEntries: 12 },
      onRepair: (repair) => repairs.push(repair),
    });
    const { cluster, queue, dataDir } = scene;
    // Each third one is large enough to stay in its log entry.
    let jobs = 0;
    for (; jobs < 12; jobs += 1) await queue.add('job', { n: jobs, text: 'x'.repeat(jobs % 3 === 0 ? 20_000 : 50) });
    const leader = await settledLeader(cluster);
    const victim = cluster.nodeIds().find((node) => node !== leader) ?? 1;
    const file = fileOf(dataDir, victim);
    await cluster.stop(victim);
    const kinds = new Map<string, Row>();
    for (const row of rowsOf(file)) kinds.set(row.table === 'meta' ? `meta ${row.key}` : row.kind, row);
    expect([...kinds.keys()]).toEqual(expect.arrayContaining(['entry', 'kept entry', 'record_entry', 'record_content', 'record_jobs']));
    for (const [kind, row] of kinds) {
      await cluster.stop(victim);
      // After a repair the same place may hold another row, or none.
      const present = rowsOf(file).filter(({ kind: found }) => found === row.kind);
      const target = present.find(({ key }) => key === row.key) ?? present[0];
      if (target === undefined) continue;
      flipBit(file, target);
      const before = repairs.length;
      await cluster.restart(victim);
      if (PAYLOADS.has(target.kind)) {
        // Payloads stay on disk until they are read: the node that serves them detects the damage. So this client uses only that node.
        await using reader = clientOf(cluster, victim);
        const read = new Queue('work', { connection: reader });
        await eventually(`node ${victim} finds out what happened to ${JSON.stringify(target)}`, async () => {
          for (let id = 1; id <= jobs; id += 1) expect((await read.getJob(String(id)))?.data).toMatchObject({ n: id - 1 });
          return repairs.length > before;
        });
      }
      expect(repairs.length, kind).toBe(before + 1);
      expect(repairs.at(-1)).toMatchObject({ node: victim, damage: { code: 'STORAGE_DAMAGED' } });
      expect(existsSync(repairs.at(-1)?.movedTo ?? '')).toBe(true);
      await queue.add('job', { n: jobs, kind });
      jobs += 1;
      await eventually(`node ${victim} votes again after damage to ${kind}`, async () => {
        const { voters, isSettled } = await cluster.members();
        return isSettled && voters.includes(victim);
      });
      await eventually(`node ${victim} has what the others have`, async () => {
        const states = await cluster.replicaStates();
        return states.length === 3 && new Set(states.map(({ applied, digest }) => `${applied} ${digest}`)).size === 1;
      });
    }
    expect(repairs.length).toBeGreaterThan(4);
  });

  it('stops the node instead where repair is manual, and the error names the row', async () => {
    await using scene = await aCluster({ repair: 'manual' });
    const { cluster, queue, dataDir } = scene;
    await queue.add('job', {});
    await cluster.stop(3);
    const file = fileOf(dataDir, 3);
    const entry = rowsOf(file).findLast(({ table }) => table === 'entry');
    if (entry === undefined) throw new Error('there is no entry');
    flipBit(file, entry);
    await expect(cluster.restart(3)).rejects.toMatchObject({ code: 'STORAGE_DAMAGED', message: expect.stringContaining('entry') });
    expect(cluster.isRunning(3)).toBe(false);
    const movedTo = await cluster.repair(3);
    expect(movedTo).toContain('damaged');
    await eventually('node 3 votes again', async () => (await cluster.status(3)).isSettled && (await cluster.members()).isSettled);
  });
});

describe('two repairs at once', () => {
  it('are made one after the other: the second waits until the first node has everything', async () => {
    await using scene = await aCluster();
    const { cluster, queue } = scene;
    await queue.addBulk(Array.from({ length: 5_000 }, (_, n) => ({ name: 'job', data: { n, pad: 'x'.repeat(200) } })));
    const movedTo = await Promise.all([cluster.repair(1), cluster.repair(2)]);
    for (const file of movedTo) expect(existsSync(file ?? '')).toBe(true);
    expect((await queue.getJobCounts()).waiting).toBe(5_000);
    await eventually('every node has everything', async () => {
      const states = await cluster.replicaStates();
      return states.length === 3 && new Set(states.map(({ digest }) => digest)).size === 1;
    });
  });
});

describe('a repair of one of two voters', () => {
  it.each([
    ['of a cluster of two', 2],
    ['once the third node is removed', 3],
  ])('is rejected, %s: nothing can be done without its file', async (_when, nodes) => {
    await using scene = await aCluster({ nodes });
    const { cluster, queue } = scene;
    await queue.add('job', {});
    const leader = await settledLeader(cluster);
    const [node = 0, third] = cluster.nodeIds().filter((each) => each !== leader);
    // It waits for the third node's reply, which never comes.
    if (third !== undefined) await faultsOf(cluster).isolate(third);
    const repair = cluster.repair(node);
    const removed = third === undefined ? Promise.resolve() : cluster.removeNode(third);
    await expect(repair).rejects.toMatchObject({
      code: 'STORAGE_TOO_FEW_VOTERS',
      outcome: 'not-applied',
      message: expect.stringMatching(/^Node \d cannot be rebuilt: .* Its file stays where it is, .* Add a node first/),
    });
    await removed;
    expect(cluster.isRunning(node)).toBe(true);
    await queue.add('job', {});
    await faultsOf(cluster).heal();
    const added = await cluster.addNode();
    expect(await cluster.repair(node)).toContain('damaged');
    expect((await cluster.members()).voters).toContain(added);
    expect((await queue.getJobCounts()).waiting).toBe(2);
  });
});

describe('a node that is damaged while another one is being rebuilt', () => {
  it('keeps its file, and the error says how the other one’s is put back: then everything is there', async () => {
    await using scene = await aCluster();
    const { cluster, queue, dataDir } = scene;
    // One of them is in a segment.
    for (let n = 0; n < 20; n += 1) await queue.add('job', { n, text: 'x'.repeat(n === 3 ? 20_000 : 1) });
    const leader = await settledLeader(cluster);
    const [first = 0, second = 0] = cluster.nodeIds().filter((node) => node !== leader);
    // The first node gets no messages, so that it stays empty.
    await faultsOf(cluster).isolate(first);
    await cluster.repair(first);
    await cluster.stop(second);
    const entry = rowsOf(fileOf(dataDir, second)).findLast(({ table }) => table === 'entry');
    if (entry === undefined) throw new Error('there is no entry');
    flipBit(fileOf(dataDir, second), entry);
    const rejection = await cluster.restart(second).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(rejection).toMatchObject({
      code: 'STORAGE_DAMAGED',
      message: expect.stringMatching(
        /cannot be rebuilt: (no leader replies|Of the voters .* That is no majority)\. Its file stays where it is, .* put the files back that were moved aside/,
      ),
    });
    expect(readdirSync(join(dataDir, `node-${second}`)).filter((name) => name.includes('damaged'))).toEqual([]);
    await cluster.close();
    const [, command = ''] = new RegExp(`node ${first}: (for s in .* done)\\.$`).exec(String(rejection)) ?? [];
    execSync(command);
    // Now the first node has the entries that the second one lost, and the second one can be rebuilt.
    await using again = await startCluster({ nodes: 3, dataDir, onRepair: () => {} });
    await using found = new Queue('work', { connection: again });
    expect((await found.getJobCounts()).waiting).toBe(20);
  });
});

describe('a lost file', () => {
  it('makes its node a new node, which votes again once it has caught up', async () => {
    await using scene = await aCluster();
    const { cluster, queue, dataDir } = scene;
    for (let n = 0; n < 20; n += 1) await queue.add('job', { n });
    await cluster.stop(2);
    for (const name of readdirSync(join(dataDir, 'node-2'))) rmSync(join(dataDir, 'node-2', name));
    await cluster.restart(2);
    await eventually('node 2 is a voter with its new file', async () => {
      const [{ joining, isSettled, voters }, own] = [await cluster.members(), await cluster.status(2)];
      return isSettled && joining.length === 0 && voters.includes(2) && own.voters.includes(2) && own.commit > 20;
    });
    await queue.add('job', {});
    await eventually('equal replicas', async () => new Set((await cluster.replicaStates()).map(({ digest }) => digest)).size === 1);
  });

  it('of a majority leaves the cluster without a leader, rather than without its jobs', async () => {
    await using scene = await aCluster();
    const { cluster, queue, dataDir } = scene;
    await queue.add('job', {});
    for (const node of [1, 2, 3]) await cluster.stop(node);
    for (const node of [1, 2]) for (const name of readdirSync(join(dataDir, `node-${node}`))) rmSync(join(dataDir, `node-${node}`, name));
    for (const node of [1, 2, 3]) await cluster.restart(node);
    await expect(cluster.waitForLeader(1_500)).rejects.toMatchObject({ code: 'NO_LEADER' });
  });
});
