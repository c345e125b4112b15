import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect } from '../../src/remote/connect.ts';
import type { BackupCall } from '../../src/server/backup-service.ts';
import { errorMetadata } from '../../src/transport/grpc/call-status.ts';
import { clientGuard } from '../../src/transport/grpc/caller.ts';
import { ClusterService, LEADER } from '../../src/transport/grpc/cluster-service.ts';
import { GrpcServer } from '../../src/transport/grpc/grpc-server.ts';

const DATA = Buffer.from('what a leader sends');
const END = { index: 9, term: 3, node: 1, bytes: DATA.length, sha256: createHash('sha256').update(DATA).digest() };
const MEMBERS = { voters: [1], learners: [], joining: [], leaving: [], settled: true };

/** The endpoint of a leader. @param Backup of which; undefined for one of an earlier release. */
async function aLeader(Backup: ((call: BackupCall) => void) | undefined): Promise<string> {
  const server = new GrpcServer({ messageBytesMax: 1_000_000, onDropped: () => undefined });
  let address = '';
  const GetStatus = (_call: unknown, reply: (error: null, status: object) => void): void =>
    reply(null, {
      ...{ node: 1, cluster: 7, cluster_name: 'mail', state: LEADER, term: 3, unreachable: [] },
      members: { ...MEMBERS, addresses: [{ node: 1, address }] },
    });
  server.addService(ClusterService.service, { GetStatus, ...(Backup === undefined ? {} : { Backup }) }, clientGuard);
  address = `127.0.0.1:${await server.listen('127.0.0.1:0', 'nodes')}`;
  onTestFinished(() => server[Symbol.asyncDispose]());
  return address;
}

describe('a backup that a leader sends', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'jobraft-remote-backup-'));
    file = join(folder, 'jobs.backup');
    onTestFinished(() => rmSync(folder, { recursive: true }));
  });

  async function taken(Backup: ((call: BackupCall) => void) | undefined): Promise<unknown> {
    await using cluster = await connect({ endpoints: [await aLeader(Backup)] });
    return await cluster.backup(file).catch((error: unknown) => error);
  }

  it('is written as it arrives, and is asked for again when the leader changes meanwhile', async () => {
    let calls = 0;
    const found = await taken((call) => {
      calls += 1;
      if (calls === 1) {
        call.emit('error', { code: status.UNAVAILABLE, details: 'Call node 2.', metadata: errorMetadata('NOT_LEADER', 'not-applied') });
        return;
      }
      call.write({ data: DATA.subarray(0, 5) });
      call.write({ data: DATA.subarray(5) });
      call.write({ data: Buffer.alloc(0), end: END });
      call.end();
    });
    expect(found).toEqual({ path: file, index: 9, term: 3, node: 1, bytes: DATA.length });
    expect(readFileSync(file)).toEqual(DATA);
  });

  it.each<[string, Partial<typeof END> | undefined]>([
    ['without its last message', undefined],
    ['with less than was sent', { bytes: DATA.length + 1 }],
    ['with other bytes', { sha256: Buffer.alloc(32) }],
  ])('%s is rejected, and leaves nothing', async (_what, end) => {
    const error = await taken((call) => {
      call.write({ data: DATA });
      if (end !== undefined) call.write({ data: Buffer.alloc(0), end: { ...END, ...end } });
      call.end();
    });
    expect(error).toMatchObject({
      name: 'BackupError',
      code: 'BACKUP_FAILED',
      message: 'The backup was given up: what arrived is not complete. Take another one.',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that fails on the way has the reason of the node', async () => {
    const error = await taken((call) => {
      call.write({ data: DATA });
      call.emit('error', { code: status.ABORTED, details: 'The node stops.', metadata: errorMetadata('BACKUP_FAILED', 'not-applied') });
    });
    expect(error).toMatchObject({ code: 'BACKUP_FAILED', message: 'The node stops.' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of an earlier release is none, which says so', async () => {
    expect(await taken(undefined)).toMatchObject({ code: 'BACKUP_FAILED', message: expect.stringContaining('is of an earlier release') });
  });

  it('is given up when its connection is closed, and leaves nothing', async () => {
    const begun = Promise.withResolvers<void>();
    const address = await aLeader((call) => {
      call.write({ data: DATA });
      begun.resolve();
    });
    await using cluster = await connect({ endpoints: [address] });
    const taking = cluster.backup(file).catch((error: unknown) => error);
    await begun.promise;
    await cluster.close();
    expect(await taking).toMatchObject({ code: 'CLUSTER_CLOSED' });
    expect(readdirSync(folder)).toEqual([]);
  });
});
