import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { Queue } from '../../src/client/api/queue.ts';
import { connect } from '../../src/remote/connect.ts';
import type { CertifiedKey } from '../../src/security/certificates.ts';
import { TlsFiles, type TlsPaths } from '../../src/security/tls-files.ts';
import { startNode } from '../../src/server/start-node.ts';
import { channelOptions } from '../../src/transport/grpc/channel-options.ts';
import { type ChannelSecurity, securedBy, UNSECURED } from '../../src/transport/grpc/channel-security.ts';
import { clusterClient } from '../../src/transport/grpc/cluster-service.ts';
import { helloMetadata } from '../../src/transport/grpc/peer-metadata.ts';
import { raftClient } from '../../src/transport/grpc/raft-service.ts';
import { anAuthority, clientOwner, issue, nodeOwner } from '../security/certificates.ts';
import { freeAddress } from './nodes.ts';

let authority: CertifiedKey;
let another: CertifiedKey;
beforeAll(async () => {
  [authority, another] = await Promise.all([anAuthority(), anAuthority()]);
});

interface Node {
  readonly address: string;
  readonly tls: TlsPaths;
}

/** Node 1 of a cluster of one. */
async function aNode(): Promise<Node> {
  const dataDir = mkdtempSync(join(tmpdir(), 'jobraft-credentials-'));
  const address = await freeAddress();
  const tls = await issue(authority, { owner: nodeOwner(1) });
  const node = await startNode({ id: 1, cluster: 'mail', nodes: [{ id: 1, address }], dataDir, tls });
  onTestFinished(async () => {
    await node.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return { address, tls };
}

function securityOf(paths: TlsPaths): ChannelSecurity {
  const files = new TlsFiles({ paths, onRejected: () => undefined });
  onTestFinished(() => files[Symbol.dispose]());
  return securedBy(files);
}

/** Shows what the checks of the own side would not let it show. */
const showing = (certificate: string | undefined, key?: string): ChannelSecurity => ({
  version: () => 0,
  channelTo: () => ({
    credentials: credentials.createSsl(
      Buffer.from(authority.certificate),
      key === undefined ? null : readFileSync(key),
      certificate === undefined ? null : readFileSync(certificate),
      { checkServerIdentity: () => undefined },
    ),
    options: { 'grpc.ssl_target_name_override': 'node' },
    close: () => undefined,
  }),
});

const channels = (security: ChannelSecurity) => ({ options: channelOptions(1_000_000), security });
const deadline = (): { readonly deadline: number } => ({ deadline: Date.now() + 10_000 });

/** @returns the error; undefined if the call of a client is served. */
function statusOf({ address }: Node, security: ChannelSecurity): Promise<ServiceError | undefined> {
  const client = clusterClient(address, channels(security));
  onTestFinished(() => client.close());
  return new Promise((resolve) => client.GetStatus({}, deadline(), (error) => resolve(error ?? undefined)));
}

/** @returns the error; undefined if node `from` is served. */
function introductionOf({ address }: Node, security: ChannelSecurity, from: number): Promise<ServiceError | undefined> {
  const client = raftClient(address, channels(security));
  onTestFinished(() => client.close());
  const own = { protocol: 1, cluster_name: 'mail', node: from, disk: 1, cluster: 0, founders: [], nodes: [1] };
  return new Promise((resolve) => client.Introduce(own, deadline(), (error) => resolve(error ?? undefined)));
}

const rejection = (code: number, reason: string) => ({ code, details: expect.stringContaining(reason) });

describe('a node with certificates rejects with the reason', () => {
  it('a client without a certificate, one of another authority, and an expired one', async () => {
    const node = await aNode();
    const [foreign, expired, own] = await Promise.all([
      issue(another, { owner: clientOwner('web') }),
      issue(authority, { owner: clientOwner('web'), agoDays: 20 }),
      issue(authority, { owner: clientOwner('web') }),
    ]);
    const { UNAUTHENTICATED } = status;
    expect(await statusOf(node, showing(undefined))).toMatchObject(rejection(UNAUTHENTICATED, 'has no certificate'));
    expect(await statusOf(node, showing(foreign.certificate, foreign.key))).toMatchObject(
      rejection(UNAUTHENTICATED, 'another authority has signed it'),
    );
    expect(await statusOf(node, showing(expired.certificate, expired.key))).toMatchObject(rejection(UNAUTHENTICATED, 'it has expired'));
    expect(await statusOf(node, UNSECURED)).toMatchObject({ code: status.UNAVAILABLE });
    expect(await statusOf(node, securityOf(own))).toBeUndefined();
  });

  it('a call of a node by a client, without a certificate, and by another node', async () => {
    const node = await aNode();
    const [client, two] = await Promise.all([issue(authority, { owner: clientOwner('web') }), issue(authority, { owner: nodeOwner(2) })]);
    const { PERMISSION_DENIED, UNAUTHENTICATED } = status;
    expect(await introductionOf(node, securityOf(client), 2)).toMatchObject(rejection(PERMISSION_DENIED, 'that of the client "web"'));
    expect(await introductionOf(node, showing(undefined), 2)).toMatchObject(rejection(UNAUTHENTICATED, 'has no certificate'));
    expect(await introductionOf(node, securityOf(two), 3)).toMatchObject(
      rejection(PERMISSION_DENIED, 'The call says that it is of node 3, and its certificate is that of node 2'),
    );
    expect(await introductionOf(node, securityOf(two), 2)).toBeUndefined();
  });

  it('a channel of a node that another node opens', async () => {
    const node = await aNode();
    const peer = raftClient(node.address, channels(securityOf(await issue(authority, { owner: nodeOwner(2) }))));
    onTestFinished(() => peer.close());
    const hello = helloMetadata({ cluster: 1, node: 3, disk: 1, generation: 0, life: 1 }, 1, 1, 0);
    const error = await new Promise((resolve) => peer.Exchange(hello).on('error', resolve).resume());
    expect(error).toMatchObject(rejection(status.PERMISSION_DENIED, 'of node 3'));
  });
});

describe('a client with certificates', () => {
  it('rejects a server that has a client’s certificate, another node’s, or another authority’s', async () => {
    const node = await aNode();
    const own = await issue(authority, { owner: clientOwner('web') });
    const foreign = await issue(another, { owner: clientOwner('web') });
    const errorOf = async (paths: TlsPaths, as?: number): Promise<ServiceError | undefined> => {
      const client = raftClient(node.address, channels(securityOf(paths)), as);
      onTestFinished(() => client.close());
      const own = { protocol: 1, cluster_name: 'mail', node: 2, disk: 1, cluster: 0, founders: [], nodes: [1] };
      return await new Promise((resolve) => client.Introduce(own, deadline(), (error) => resolve(error ?? undefined)));
    };
    const two = await issue(authority, { owner: nodeOwner(2) });
    expect(await errorOf(two, 1)).toBeUndefined();
    expect(await errorOf(two, 3)).toMatchObject(rejection(status.UNAVAILABLE, 'that of node 1, not that of node 3'));
    expect(await errorOf(foreign)).toMatchObject({ code: status.UNAVAILABLE });
    // The node uses the files that it finds, here a client's; it starts with its own alone.
    await expect(
      startNode({ id: 1, cluster: 'x', nodes: [{ id: 1, address: '127.0.0.1:1' }], dataDir: '/dev/null/x', tls: own }),
    ).rejects.toThrow('that of the client "web", and this is node 1');
  });

  it('gets a typed error at once when the nodes reject its certificate, or its own files do not fit', async () => {
    const { address } = await aNode();
    const foreign = await issue(another, { owner: clientOwner('web') });
    await expect(connect({ endpoints: [address], tls: { ...foreign, key: foreign.ca } })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    // It trusts the node, which does not trust it.
    writeFileSync(foreign.ca, `${authority.certificate}${another.certificate}`);
    const rejected = connect({ endpoints: [address], tls: foreign, timeoutMs: 600_000 });
    await expect(rejected).rejects.toMatchObject({ code: 'ACCESS_DENIED', outcome: 'not-applied' });
    await expect(rejected).rejects.toThrow('another authority has signed it. Give a certificate');
  });
});

/** Three nodes, one client, and all their files. */
async function aCluster() {
  const folder = mkdtempSync(join(tmpdir(), 'jobraft-renewal-'));
  const nodes = await Promise.all([1, 2, 3].map(async (id) => ({ id, address: await freeAddress() })));
  const files = await Promise.all(nodes.map(({ id }) => issue(authority, { owner: nodeOwner(id) })));
  const running = await Promise.all(
    files.map((tls, at) => startNode({ id: at + 1, cluster: 'mail', nodes, dataDir: join(folder, `${at}`), tls })),
  );
  onTestFinished(async () => {
    await Promise.all(running.map((node) => node.close()));
    rmSync(folder, { recursive: true, force: true });
  });
  return { nodes, files, running };
}

describe('certificates that are renewed', () => {
  it('are used by nodes that run, also those of another authority, and no job is lost', async () => {
    const { nodes, files, running } = await aCluster();
    const own = await issue(authority, { owner: clientOwner('web') });
    const cluster = await connect({ endpoints: nodes.map(({ address }) => address), tls: own, timeoutMs: 600_000 });
    const queue = new Queue('work', { connection: cluster });
    onTestFinished(async () => {
      await queue.close();
      await cluster.close();
    });
    const reload = (): void => running.forEach((node) => void node.reloadCertificate());
    const ids = [(await queue.add('job', 1)).id];
    // Both authorities are trusted before a certificate of the new one is shown.
    for (const { ca } of [...files, own]) writeFileSync(ca, `${authority.certificate}${another.certificate}`);
    reload();
    const renewed = await Promise.all(nodes.map(({ id }) => issue(another, { owner: nodeOwner(id) })));
    for (const [at, { certificate, key }] of renewed.entries()) {
      copyFileSync(certificate, files[at]?.certificate ?? '');
      copyFileSync(key, files[at]?.key ?? '');
    }
    reload();
    ids.push((await queue.add('job', 2)).id);
    // Without the old authority a new client gets through, and no call of the one before is disturbed.
    for (const { ca } of files) writeFileSync(ca, another.certificate);
    reload();
    const late = await issue(another, { owner: clientOwner('late') });
    await using other = await connect({ endpoints: nodes.map(({ address }) => address), tls: late, timeoutMs: 600_000 });
    await using same = new Queue('work', { connection: other });
    for (const id of ids) expect(await same.getJob(id)).toMatchObject({ id });
    expect(await queue.add('job', 3)).toMatchObject({ name: 'job' });
  });
});
