import { status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { asNodeId } from '../../base/ids.ts';
import type { NodeConfig } from '../../config/node-config.ts';
import { channelOptions } from '../../transport/grpc/channel-options.ts';
import type { ChannelSecurity } from '../../transport/grpc/channel-security.ts';
import type { ConnectionState } from '../../transport/grpc/grpc-server.ts';
import { type ListHoldersCall, type ListHoldersCallback, type RaftClient, raftClient } from '../../transport/grpc/raft-service.ts';
import type { UnreachablePeer } from '../../transport/port.ts';
import type { OwnClient } from '../services/own-client.ts';
import { HolderRecord, type HoldersReport } from './holder-record.ts';
import { HolderWatch, type Leading } from './holder-watch.ts';

/** How long a member may take to reply. */
const CALL_MS_MAX = 5_000;
/** A report has 30,000 numbers at most. */
const REPORT_BYTES_MAX = 1024 * 1024;
/** The end of a connection is known soon after the end of its calls. */
const STATE_AFTER_MS = 100;

/** Of a release's call, including the search for the leader. */
const RELEASE_MS_MAX = 10_000;

export interface HolderServiceOptions {
  readonly config: Pick<NodeConfig, 'id' | 'holderGraceMs'>;
  /** Zero until the cluster is formed. */
  readonly cluster: () => number;
  readonly addressOf: (node: number) => string | undefined;
  readonly security: ChannelSecurity;
  /** Undefined while the node does not run. */
  readonly view: () => Leading | undefined;
  readonly unreachable: () => readonly UnreachablePeer[];
  readonly client: Pick<OwnClient, 'get'>;
}

interface Member {
  readonly address: string;
  /** Of the certificate that its channel is made with. */
  readonly version: number;
  readonly client: RaftClient;
}

/** The holders of leases that have channels to this node, for the leader; and, while this node leads, the release of those that have ended. */
export class HolderService implements Disposable {
  readonly #options: HolderServiceOptions;
  readonly #record = new HolderRecord(performance.now());
  readonly #members = new Map<number, Member>();

  readonly #watch: HolderWatch | undefined;

  constructor(options: HolderServiceOptions) {
    const { id, holderGraceMs } = options.config;
    this.#options = options;
    if (holderGraceMs > 0)
      this.#watch = new HolderWatch({
        own: asNodeId(id),
        graceMs: holderGraceMs,
        view: options.view,
        unreachable: options.unreachable,
        report: () => this.#report(),
        ask: (member) => this.#ask(member),
        release: async (holder) => await options.client.get(RELEASE_MS_MAX)?.releaseAnyHeld(holder),
      });
  }

  /** A holder opened a channel. @returns to be called at its end. */
  onOpened(holder: number, connection: () => ConnectionState): () => void {
    this.#record.onOpened(holder);
    return () => {
      setTimeout(() => this.#record.onClosed(holder, connection() !== 'dropped', performance.now()), STATE_AFTER_MS).unref();
    };
  }

  #report(): HoldersReport {
    return this.#record.report(performance.now());
  }

  /** The report of another node; undefined if it does not say. */
  async #ask(node: number): Promise<HoldersReport | undefined> {
    const client = this.#clientOf(node);
    if (client === undefined) return undefined;
    const beganMs = performance.now();
    const response = await new Promise<HoldersReport | undefined>((resolve) => {
      client.ListHolders({ cluster: this.#options.cluster(), node }, { deadline: Date.now() + CALL_MS_MAX }, (error, reply) => {
        if (error !== null || reply === undefined) resolve(undefined);
        else {
          const ended = reply.ended.map(({ holder, ended_ms_ago: agoMs }) => ({ holder, agoMs }));
          resolve({ knownForMs: reply.known_for_ms, open: reply.open, ended });
        }
      });
    });
    // This process may have been stopped meanwhile, so that the report is old.
    return performance.now() - beganMs > CALL_MS_MAX ? undefined : response;
  }

  /** Part of the service Raft. */
  implementation(): UntypedServiceImplementation {
    return {
      ListHolders: ({ request: { cluster, node } }: ListHoldersCall, reply: ListHoldersCallback) => {
        const own = { node: this.#options.config.id, cluster: this.#options.cluster() };
        if (cluster === 0 || cluster !== own.cluster || node !== own.node) {
          const details = `The call means node ${node} of cluster ${cluster}, and this is node ${own.node} of cluster ${own.cluster}.`;
          reply({ code: status.FAILED_PRECONDITION, details });
          return;
        }
        const { knownForMs, open, ended } = this.#report();
        reply(null, {
          known_for_ms: Math.floor(knownForMs),
          open,
          ended: ended.map(({ holder, agoMs }) => ({ holder, ended_ms_ago: Math.ceil(agoMs) })),
        });
      },
    };
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    for (const { client } of this.#members.values()) client.close();
    this.#members.clear();
  }

  #clientOf(node: number): RaftClient | undefined {
    const { addressOf, security } = this.#options;
    const address = addressOf(node);
    const version = security.version();
    const known = this.#members.get(node);
    if (known?.address === address && known?.version === version) return known.client;
    known?.client.close();
    this.#members.delete(node);
    if (address === undefined) return undefined;
    const client = raftClient(address, { options: channelOptions(REPORT_BYTES_MAX), security }, node);
    this.#members.set(node, { address, version, client });
    return client;
  }
}
