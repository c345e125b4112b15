import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { ConfigError } from '../base/errors.ts';
import { isLoopback, type NodeConfig } from '../config/node-config.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import { readKeys } from '../encryption/read-keys.ts';
import { AuditLog } from '../logs/audit-log.ts';
import { logFileOf } from '../logs/log-folder.ts';
import { type NodeLog, openNodeLog } from '../logs/node-log.ts';
import { openMetricsRegistry } from '../metrics/metrics-registry.ts';
import type { NodeSample } from '../metrics/node-sample.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import { AccessTokens } from '../security/access-tokens.ts';
import { TlsFiles } from '../security/tls-files.ts';
import { moveDamagedAside } from '../storage/damaged-file.ts';
import { StorageError } from '../storage/errors.ts';
import { type ChannelSecurity, securedBy, UNSECURED } from '../transport/grpc/channel-security.ts';
import { hostAndPort } from '../transport/listen-address.ts';
import { moveAsideIfGranted } from './file-rebuild.ts';
import { type HealthReply, MetricsServer } from './metrics-server.ts';
import type { FormationWait, NodeListeners } from './node-listeners.ts';
import { FILE, NodeServer } from './node-server.ts';
import { readinessOf } from './readiness.ts';

/** A node that runs in this process. */
export class ServedNode implements AsyncDisposable {
  readonly #config: NodeConfig;
  readonly #listeners: Required<NodeListeners>;
  readonly #log: NodeLog | undefined;
  readonly #tls: TlsFiles | undefined;
  readonly #keys: EncryptionKeys | undefined;
  readonly #tokens: AccessTokens | undefined;
  readonly #audit: AuditLog | undefined;
  #server: NodeServer | undefined;
  #metricsServer: MetricsServer | undefined;
  #register: Registry | undefined;
  #waiting = '';
  #closing: Promise<void> | undefined;

  private constructor(config: NodeConfig, listeners: Required<NodeListeners>) {
    const { id, logs, tls, encryption, access, audit } = config;
    this.#keys = readKeys(encryption);
    this.#config = config;
    this.#listeners = listeners;
    this.#log = logs === undefined ? undefined : openNodeLog({ node: id, file: logFileOf(logs.dir, id), level: logs.level });
    this.#audit = audit === undefined ? undefined : new AuditLog(id, audit);
    this.#tls =
      tls === undefined
        ? undefined
        : new TlsFiles({ paths: tls, node: id, ...hostOf(config), onRejected: (error) => this.#onCertificateRejected(error) });
    this.#tokens =
      access === undefined ? undefined : new AccessTokens({ path: access.tokens, onRejected: (error) => this.#onTokensRejected(error) });
    this.#tokens?.onRenewed(({ names }) => this.#auditTokens(names));
  }

  /** @internal @throws {ConfigError | StorageError | LogFileError} */
  static async start(config: NodeConfig, listeners: Required<NodeListeners>): Promise<ServedNode> {
    const node = new ServedNode(config, listeners);
    try {
      await node.#serveMetrics();
      await node.#start();
      node.#warnOfInsecureAddress();
      return node;
    } catch (error) {
      await node.close();
      throw error;
    }
  }

  /** The node's state; undefined until the cluster is formed. */
  status(): NodeStatus | undefined {
    return this.#server?.node?.status;
  }

  /** Reads the files of the certificate now; they are read every 10 s anyway. Without certificates nothing happens. */
  reloadCertificate(): void {
    this.#tls?.reload();
  }

  /** Reads the file of the tokens now; it is read every 10 s anyway. Without tokens nothing happens. */
  reloadTokens(): void {
    this.#tokens?.reload();
  }

  /**
   * `metrics.register` is a registry of prom-client for this node alone, of the series in docs/monitoring.md: what `/metrics` serves at the
   * address `metrics` of the options.
   */
  get metrics(): { readonly register: Registry } {
    const node = this.#config.id;
    this.#register ??= openMetricsRegistry(() => Promise.resolve([{ node, sample: this.#sample() }]));
    return { register: this.#register };
  }

  /** Hands leadership over, replies to what was committed, and closes the node's file. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #sample(): NodeSample | undefined {
    const sample = this.#server?.node?.sample();
    return sample === undefined || this.#tls === undefined ? sample : { ...sample, certificateUntilMs: this.#tls.current.validUntilMs };
  }

  async #start(): Promise<void> {
    try {
      this.#server = await NodeServer.start({
        config: this.#config,
        ...{ keys: this.#keys, tls: this.#tls, tokens: this.#tokens, audit: this.#audit },
        security: this.#security,
        observe: (event) => this.#log?.observe(event),
        onWaiting: (wait) => this.#onWaiting(wait),
        onFormed: this.#listeners.onFormed,
        onJoined: this.#listeners.onJoined,
        onVoting: () => this.#onVoting(),
        onPeerRejects: this.#listeners.onPeerRejects,
        onFailure: (error) => void this.#fail(error),
      });
    } catch (error) {
      if (!(await this.#isRepaired(error))) throw error;
    }
  }

  /** From the start on, also while the cluster is not formed, and while a file is rebuilt. @throws {ConfigError} */
  async #serveMetrics(): Promise<void> {
    const { id, metrics } = this.#config;
    if (metrics === undefined) return;
    const { register } = this.metrics;
    this.#metricsServer = await MetricsServer.listen(metrics, {
      scrape: async () => ({ contentType: register.contentType, text: await register.metrics() }),
      health: () => this.#health(),
      readiness: () => readinessOf(id, () => this.#server?.node?.runtime),
    });
  }

  #health(): HealthReply {
    const { id } = this.#config;
    if (this.#closing !== undefined) return { isOk: false, text: `Node ${id} stops.` };
    if (this.#server === undefined) return { isOk: true, text: `Node ${id} starts, or is being rebuilt.` };
    return {
      isOk: true,
      text: this.#server.node === undefined ? `Node ${id} waits for the others to form the cluster.` : `Node ${id} runs.`,
    };
  }

  #warnOfInsecureAddress(): void {
    const { id, nodes, insecure, tls } = this.#config;
    const address = nodes.find((node) => node.id === id)?.address ?? '';
    if (tls !== undefined || !insecure || isLoopback(address)) return;
    const message = `"insecure" is set: every program that reaches ${address} can read and change all jobs, and what it sends is not encrypted.`;
    this.#log?.warn('insecure', message);
    this.#listeners.onInsecure({ address, message });
  }

  get #security(): ChannelSecurity {
    return this.#tls === undefined ? UNSECURED : securedBy(this.#tls);
  }

  #onCertificateRejected({ message }: ConfigError): void {
    const text = `The renewed certificate is not used: ${message} The node goes on with the one before.`;
    this.#log?.warn('certificate', text);
    this.#listeners.onCertificateRejected({ message: text });
  }

  /** @param names of the tokens that permit something from now on. */
  #auditTokens(names: readonly string[]): void {
    this.#audit?.write({ who: 'the file of the tokens', from: '', command: 'tokens', arguments: { valid: names }, outcome: 'done' });
  }

  #onTokensRejected({ message }: ConfigError): void {
    const text = `The changed file of the tokens is not used: ${message} The node goes on with what it had before.`;
    this.#log?.warn('tokens', text);
    this.#listeners.onTokensRejected({ message: text });
  }

  #onVoting(): void {
    this.#log?.info('voting', `Node ${this.#config.id} has everything from the others, and votes`);
    this.#listeners.onVoting();
  }

  #onWaiting(wait: FormationWait): void {
    const now = JSON.stringify(wait);
    if (now === this.#waiting) return;
    this.#waiting = now;
    this.#listeners.onWaiting(wait);
  }

  async #fail(error: unknown): Promise<void> {
    try {
      if (await this.#isRepaired(error)) return;
    } catch (reason) {
      return await this.#end(reason);
    }
    await this.#end(error);
  }

  /**
   * The node goes on with a new disk, which has no vote until it has everything, after its file was moved aside: one that was restored from an
   * older copy at once, since it must never vote again, also in a later start; a damaged one once the leader confirms that a majority without
   * it has everything. With less than a majority of others that would be the end of the cluster: the file stays.
   * @throws {StorageError} why a damaged file is not given up.
   */
  async #isRepaired(error: unknown): Promise<boolean> {
    if (!(error instanceof StorageError) || this.#closing !== undefined) return false;
    const movedTo = await this.#movedAside(error);
    if (movedTo === undefined) return false;
    this.#listeners.onRepair({ damage: error, movedTo });
    await this.#disposeServer();
    this.#server = undefined;
    if (this.#closing !== undefined) return true;
    await this.#start();
    // It was closed meanwhile.
    if (this.#closing !== undefined) await this.#disposeServer();
    return true;
  }

  async #movedAside(damage: StorageError): Promise<string | undefined> {
    const config = this.#config;
    if (damage.code === 'STORAGE_ROLLED_BACK') {
      const count = this.#server?.memberCount ?? 0;
      return count - 1 <= count / 2 ? undefined : moveDamagedAside(join(config.dataDir, FILE));
    }
    if (damage.code !== 'STORAGE_DAMAGED') return undefined;
    await this.#disposeServer();
    this.#server = undefined;
    return await moveAsideIfGranted({ config, damage, security: this.#security, isClosed: () => this.#closing !== undefined });
  }

  async #end(error: unknown): Promise<void> {
    try {
      await this.close();
    } finally {
      this.#listeners.onFailure(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async #disposeServer(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  async #close(): Promise<void> {
    try {
      await this.#disposeServer();
    } finally {
      await this.#metricsServer?.[Symbol.asyncDispose]();
      this.#tls?.[Symbol.dispose]();
      this.#tokens?.[Symbol.dispose]();
      this.#audit?.[Symbol.dispose]();
      this.#log?.close();
    }
  }
}

/** Where the node is reached; nothing if the configuration does not name it, which is reported when it starts. */
function hostOf({ id, nodes }: NodeConfig): { readonly host?: string } {
  const address = nodes.find((node) => node.id === id)?.address;
  return address === undefined ? {} : { host: hostAndPort(address).host };
}
