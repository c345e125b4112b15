import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceError, status } from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';
import type { NodeOptions } from '../../../src/config/node-config.ts';
import { connect } from '../../../src/remote/connect.ts';
import type { ConnectOptions } from '../../../src/remote/connect-options.ts';
import type { RemoteCluster } from '../../../src/remote/remote-cluster.ts';
import { TlsFiles, type TlsPaths } from '../../../src/security/tls-files.ts';
import { type NewToken, TokenFile } from '../../../src/security/token-file.ts';
import type { ServedNode } from '../../../src/server/served-node.ts';
import { startNode } from '../../../src/server/start-node.ts';
import { channelOptions } from '../../../src/transport/grpc/channel-options.ts';
import { securedBy } from '../../../src/transport/grpc/channel-security.ts';
import { ClusterService } from '../../../src/transport/grpc/cluster-service.ts';
import { JobsService } from '../../../src/transport/grpc/jobs-service.ts';
import { anAuthority, clientOwner, issue, nodeOwner } from '../../security/certificates.ts';
import { freeAddress } from '../nodes.ts';

type Unary = Record<string, (request: object, options: object, reply: (error: ServiceError | null, response?: object) => void) => void>;

/** The result of a call: its response, or `[status, jobraft-code, jobraft-outcome]` with the details. */
export type CallResult = object | { readonly failed: readonly unknown[]; readonly details: string };

/** A cluster of one node, whose clients need tokens. */
export class OneNode {
  readonly folder = mkdtempSync(join(tmpdir(), 'jobraft-access-'));
  readonly tokens = new TokenFile(join(this.folder, 'tokens.json'));
  #node: ServedNode | undefined;
  #address = '';
  #tls: TlsPaths | undefined;

  static async start(settings: Partial<NodeOptions> = {}): Promise<OneNode> {
    const one = new OneNode();
    const authority = await anAuthority();
    const own = await issue(authority, { owner: nodeOwner(1) });
    one.#tls = await issue(authority, { owner: clientOwner('web') });
    one.#address = await freeAddress();
    one.tokens.add({ name: 'first', roles: ['operator'], nowMs: Date.now() });
    const nodes = [{ id: 1, address: one.#address }];
    const access = { tokens: join(one.folder, 'tokens.json') };
    one.#node = await startNode({ id: 1, cluster: 'mail', nodes, dataDir: join(one.folder, 'node'), tls: own, access, ...settings });
    onTestFinished(async () => {
      await one.#node?.close();
      rmSync(one.folder, { recursive: true, force: true });
    });
    return one;
  }

  get node(): ServedNode {
    if (this.#node === undefined) throw new Error('The node was not started.');
    return this.#node;
  }

  get address(): string {
    return this.#address;
  }

  /** Of the client. */
  get tls(): TlsPaths {
    return this.#tls as TlsPaths;
  }

  /** @returns the secret, which the node accepts from now on. */
  token(token: Pick<NewToken, 'name' | 'roles' | 'queues' | 'expiresMs'>): string {
    const secret = this.tokens.add({ ...token, nowMs: Date.now() });
    this.node.reloadTokens();
    return secret;
  }

  revoke(name: string): void {
    this.tokens.revoke(name);
    this.node.reloadTokens();
  }

  async connect(token?: ConnectOptions['token']): Promise<RemoteCluster> {
    const cluster = await connect({
      ...{ endpoints: [this.#address], timeoutMs: 600_000 },
      ...(this.#tls === undefined ? {} : { tls: this.#tls }),
      ...(token === undefined ? {} : { token }),
    });
    onTestFinished(() => cluster.close());
    return cluster;
  }

  /** Calls as a program in another language does. */
  caller(secret?: string): (method: string, request?: object) => Promise<CallResult> {
    const files = new TlsFiles({ paths: this.#tls as TlsPaths, onRejected: () => undefined });
    const { credentials, options } = securedBy(files, secret === undefined ? undefined : () => secret).channelTo(this.#address);
    const all = { ...channelOptions(1_000_000), ...options };
    const clients = [JobsService, ClusterService].map((Service) => new Service(this.#address, credentials, all));
    onTestFinished(() => {
      for (const client of clients) client.close();
      files[Symbol.dispose]();
    });
    return (method, request = {}) =>
      new Promise((resolve) => {
        const client = clients.find((one) => method in one) as unknown as Unary;
        client[method]?.(request, { deadline: Date.now() + 60_000 }, (error, response = {}) => {
          if (error === null) resolve(response);
          else {
            const [code, outcome] = ['jobraft-code', 'jobraft-outcome'].map((key) => error.metadata.get(key)[0]);
            resolve({ failed: [status[error.code], code, outcome], details: error.details });
          }
        });
      });
  }
}
