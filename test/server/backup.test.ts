import { EventEmitter } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { lineOf, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import type { NodeStatus } from '../../src/protocol/client-frame.ts';
import { connect } from '../../src/remote/connect.ts';
import { type BackupCall, BackupService } from '../../src/server/backup-service.ts';
import { restoreNode } from '../../src/server/restored-node.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { clusterClient } from '../../src/transport/grpc/cluster-service.ts';
import { jobraft } from '../cli/recorded-output.ts';
import { OneNode } from './access/one-node.ts';
import { Nodes } from './nodes.ts';

const WAIT_MS = 60_000;
const LISTED = [1, 2, 3];
/** More than one checkpoint, payloads that stay in the log, and more than one piece. */
const LIMITS = { checkpointEntries: 20, tailEntries: 5 };
const LARGE = 'x'.repeat(300_000);
const SECRET = 'a-payload-that-no-backup-may-show';

const optionsOf = (nodes: Nodes, id: number) => ({ id, cluster: 'nodes', nodes: nodes.addresses, dataDir: nodes.dataDir(id) });

describe('a backup of nodes that are processes', () => {
  it('that is taken under load has everything that was acknowledged before; a restored node goes on with it, and others join', async () => {
    const nodes = await Nodes.start(3, 3, { limits: LIMITS });
    const file = join(nodes.folder, 'jobs.backup');
    const acknowledged: string[] = [];
    let before: readonly string[];
    {
      await using cluster = await connect({ endpoints: nodes.endpoints });
      await using queue = new Queue('work', { connection: cluster });
      await queue.addBulk(Array.from({ length: 8 }, (_, n) => ({ name: 'large', data: `${n}${LARGE}` })));
      let isStopped = false;
      const load = (async () => {
        while (!isStopped) acknowledged.push((await queue.add('load', acknowledged.length)).id);
      })();
      await vi.waitUntil(() => acknowledged.length >= 60, WAIT_MS);
      before = [...acknowledged];
      const taken = await jobraft(['backup', file, '--endpoints', nodes.endpoints.join(','), '--json']);
      isStopped = true;
      await load;
      expect(taken).toMatchObject({ code: 0, err: '' });
      const info: unknown = JSON.parse(taken.out);
      expect(info).toEqual({
        path: file,
        bytes: readFileSync(file).length,
        index: expect.any(Number),
        term: expect.any(Number),
        node: expect.any(Number),
      });
      expect(readFileSync(file, 'latin1')).toContain('"checkpoint":{"index":');
      // The nodes go on.
      await queue.add('after', 1);
    }
    await Promise.all(LISTED.map((id) => nodes.node(id).close()));
    for (const id of LISTED) rmSync(nodes.dataDir(id), { recursive: true });
    const config = join(nodes.folder, 'node-1.yaml');
    writeFileSync(config, JSON.stringify(optionsOf(nodes, 1)));
    const restored = await jobraft(['restore', file, '--config', config]);
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.out).toMatch(/ has a new cluster \(id \d+\) with node 1 as the only voter, and the backup up to entry \d+\.\nStart it/);
    expect(await jobraft(['restore', file, '--config', config])).toMatchObject({ code: 2, err: expect.stringContaining('BACKUP_EXISTS') });

    await nodes.start(1, { listed: LISTED });
    for (const id of [2, 3]) {
      const joined = Promise.withResolvers<void>();
      await nodes.start(id, { listed: LISTED, join: true }, { onJoined: joined.resolve, onFailure: joined.reject });
      await joined.promise;
    }
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using queue = new Queue('work', { connection: cluster });
    expect((await cluster.members()).voters).toEqual(LISTED);
    const waiting = await queue.getWaiting(0, 100_000);
    const ids = new Set(waiting.map(({ id }) => id));
    expect(before.filter((id) => !ids.has(id))).toEqual([]);
    const large = waiting.filter(({ name }) => name === 'large').map(({ data }) => data);
    expect(large.toSorted()).toEqual(Array.from({ length: 8 }, (_, n) => `${n}${LARGE}`));
    const next = await queue.add('next', 1);
    expect(Number(next.id)).toBeGreaterThan(Math.max(...before.map(Number)));
  }, 120_000);

  it('is encrypted as the node is, and is restored with its key', async () => {
    const key = newEncryptionKey();
    const encryption = { key: lineOf(key) };
    const nodes = await Nodes.start(1, 1, { encryption });
    const file = join(nodes.folder, 'jobs.backup');
    {
      await using cluster = await connect({ endpoints: nodes.endpoints });
      await using queue = new Queue('work', { connection: cluster });
      await queue.add('job', SECRET);
      await cluster.backup(file);
    }
    expect(readFileSync(file).includes(SECRET)).toBe(false);
    await nodes.node(1).close();
    rmSync(nodes.dataDir(1), { recursive: true });
    await expect(restoreNode(file, optionsOf(nodes, 1))).rejects.toMatchObject({ code: 'BACKUP_KEY_MISSING' });
    const restored = await restoreNode(file, { ...optionsOf(nodes, 1), encryption });
    expect(restored).toMatchObject({ node: 1, dataDir: nodes.dataDir(1), cluster: expect.any(Number) });
    await nodes.start(1);
    await using cluster = await connect({ endpoints: nodes.endpoints });
    await using queue = new Queue('work', { connection: cluster });
    expect((await queue.getWaiting()).map(({ data }) => data)).toEqual([SECRET]);
  });

  it('overwrites nothing, leaves nothing, and is one at a time', async () => {
    const nodes = await Nodes.start(1);
    await using cluster = await connect({ endpoints: nodes.endpoints });
    const at = (name: string): string => join(nodes.folder, name);
    const both = await Promise.allSettled(['one', 'two'].map((name) => cluster.backup(at(name))));
    expect(both.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const reasons = both.map((result) => (result.status === 'rejected' ? result.reason : undefined));
    expect(reasons).toContainEqual(
      expect.objectContaining({ code: 'BACKUP_FAILED', message: 'Node 1 sends a backup already. Await its end, then try again.' }),
    );
    await cluster.backup(at('three'));
    await expect(cluster.backup(at('three'))).rejects.toMatchObject({ code: 'BACKUP_EXISTS' });
    await expect(cluster.backup(join(nodes.folder, 'missing', 'four'))).rejects.toMatchObject({ code: 'BACKUP_FAILED' });
    await expect(cluster.backup('')).rejects.toMatchObject({ code: 'CONFIG_INVALID', key: 'path' });
    expect(readdirSync(nodes.folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('needs a token that may operate all queues, and is written to the audit log with its outcome', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'jobraft-audit-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const audit = join(folder, 'audit.log');
    const one = await OneNode.start({ audit });
    const [operator, worker] = [one.token({ name: 'ops', roles: ['operator'] }), one.token({ name: 'shop', roles: ['worker'] })];
    const file = join(one.folder, 'jobs.backup');
    const denied = await one.connect(worker);
    await expect(denied.backup(file)).rejects.toMatchObject({ name: 'AccessDeniedError', code: 'ACCESS_DENIED' });
    const cluster = await one.connect(operator);
    await cluster.backup(file);
    const lines = readFileSync(audit, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { who: string; command: string; outcome: string });
    expect(lines.filter(({ command }) => command === 'Backup')).toMatchObject([
      { who: expect.stringContaining('token shop'), outcome: 'ACCESS_DENIED' },
      { who: expect.stringContaining('token ops'), outcome: 'done' },
    ]);
  });

  it('is sent by the leader alone', async () => {
    const nodes = await Nodes.start(3);
    const leader = await vi.waitUntil(() => LISTED.find((id) => nodes.node(id).status()?.state === 'leader'), WAIT_MS);
    const follower = LISTED.find((id) => id !== leader) ?? 0;
    await vi.waitUntil(() => nodes.node(follower).status()?.leaderId === leader, WAIT_MS);
    const client = clusterClient(nodes.endpoints[follower - 1] ?? '', {
      options: channelOptions(4_000_000),
      security: UNSECURED,
    });
    onTestFinished(() => client.close());
    const error = await new Promise<ServiceError>((resolve) => client.Backup({}).on('error', resolve).resume());
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: expect.stringContaining(`Call node ${leader}.`) });
    expect(error.metadata.get('jobraft-code')).toEqual(['NOT_LEADER']);
  });
});

/** A receiver that takes nothing. */
class SlowCall extends EventEmitter {
  readonly written = Promise.withResolvers<void>();
  readonly error = new Promise<ServiceError>((resolve) => this.once('error', resolve));

  write(): boolean {
    this.written.resolve();
    return false;
  }

  end(): void {}
}

describe('a backup whose receiver takes nothing', () => {
  const confirmed = (): Promise<void> => Promise.resolve();

  async function aService() {
    const nodes = await Nodes.start(1);
    const found = await vi.waitUntil(() => {
      const current = nodes.node(1).status();
      return current?.state === 'leader' && current.commit > 0 ? current : undefined;
    }, WAIT_MS);
    const file = join(nodes.dataDir(1), 'jobraft.db');
    const serviceFor = (takeMsMax: number, status: () => NodeStatus = () => found): BackupService =>
      new BackupService({ file, keys: undefined, clusterId: 1, status, takeMsMax });
    return { found, serviceFor };
  }

  const calling = (service: BackupService, confirm = confirmed) => {
    const call = new SlowCall();
    return { call, served: service.serve(call as unknown as BackupCall, confirm) };
  };

  it('is given up after a while, and another one may begin', async () => {
    const { serviceFor } = await aService();
    const service = serviceFor(20);
    for (let n = 0; n < 2; n += 1) {
      const { call, served } = calling(service);
      await served;
      expect(await call.error).toMatchObject({ code: status.ABORTED, details: expect.stringContaining('took nothing for 20 ms') });
    }
  });

  it.each([
    ['its call is cancelled', (call: SlowCall) => void call.emit('cancelled'), 'the call was cancelled'],
    ['the node stops', (_call: SlowCall, service: BackupService) => service[Symbol.dispose](), 'the node stops'],
  ])('is given up when %s', async (_when, end, reason) => {
    const { serviceFor } = await aService();
    const service = serviceFor(WAIT_MS);
    const { call, served } = calling(service);
    await call.written.promise;
    end(call, service);
    await served;
    expect((await call.error).details).toContain(reason);
  });

  it('is not sent when the node led in another term before a majority confirmed it', async () => {
    const { found, serviceFor } = await aService();
    let { term } = found;
    const service = serviceFor(WAIT_MS, () => ({ ...found, term }));
    const { call, served } = calling(service, async () => {
      term += 2;
    });
    await served;
    expect(await call.error).toMatchObject({ code: status.UNAVAILABLE });
  });
});
