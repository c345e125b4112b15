import { join } from 'node:path';
import {
  type ChannelCredentials,
  type Client,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { packageRoot } from '../measuring/package-root.ts';

const CALL_MS_MAX = 1_000;
const OPTIONS = { keepCase: true, longs: Number, enums: String, defaults: true } as const;

export interface StatusReply {
  readonly node: number;
  readonly state: 'FOLLOWER' | 'PRE_CANDIDATE' | 'CANDIDATE' | 'LEADER';
  readonly term: number;
  /** 0 for none. */
  readonly voted_for: number;
  /** 0 for none. */
  readonly leader_id: number;
  readonly commit_index: number;
  readonly applied_index: number;
  readonly first_index: number;
  readonly last_index: number;
}

export interface LogEntryReply {
  readonly index: number;
  readonly term: number;
  readonly kind: string;
  readonly data: Buffer;
}

type Method = (request: object, options: { readonly deadline: number }, callback: (error: Error | null, reply: unknown) => void) => void;

/** A node as a client in another language has it: by `proto/jobraft.proto` alone. */
export class NodeApi implements Disposable {
  readonly #cluster: Client;
  readonly #jobs: Client;

  /** @param address `host:port` @param channel of the channel. Default: without TLS. */
  constructor(address: string, channel: ChannelCredentials = credentials.createInsecure()) {
    const loaded = loadPackageDefinition(loadSync(join(packageRoot(), 'proto/jobraft.proto'), OPTIONS));
    const clientOf = (service: string): Client => {
      const Service = ((loaded.jobraft as GrpcObject).v1 as GrpcObject)[service] as ServiceClientConstructor;
      const options = {
        'grpc.use_local_subchannel_pool': 1,
        'grpc.initial_reconnect_backoff_ms': 50,
        'grpc.max_reconnect_backoff_ms': 200,
        // Of TLS, which has names of servers, not addresses (RFC 6066, section 3).
        'grpc.ssl_target_name_override': 'localhost',
      };
      return new Service(address, channel, options);
    };
    this.#cluster = clientOf('Cluster');
    this.#jobs = clientOf('Jobs');
  }

  async status(): Promise<StatusReply> {
    return (await call(this.#cluster, 'GetStatus', {})) as StatusReply;
  }

  /** Both indexes included; 1,000 entries at most. */
  async log(from: number, to: number): Promise<readonly LogEntryReply[]> {
    const { entries } = (await call(this.#cluster, 'GetLog', { from, to }, 10 * CALL_MS_MAX)) as { readonly entries: LogEntryReply[] };
    return entries;
  }

  /** @returns the job's id. */
  async add(queue: string, data: unknown, timeoutMs: number): Promise<string> {
    const request = { queue, name: 'job', data: { json: JSON.stringify(data) } };
    const { id } = (await call(this.#jobs, 'Add', request, timeoutMs)) as { readonly id: string };
    return id;
  }

  [Symbol.dispose](): void {
    this.#cluster.close();
    this.#jobs.close();
  }
}

function call(client: Client, method: string, request: object, timeoutMs = CALL_MS_MAX): Promise<unknown> {
  return new Promise((resolve, reject) => {
    // The only cast: the loader knows the methods only at run time.
    const run = (client as unknown as Readonly<Record<string, Method>>)[method];
    run?.call(client, request, { deadline: Date.now() + timeoutMs }, (error, reply) => (error === null ? resolve(reply) : reject(error)));
  });
}
