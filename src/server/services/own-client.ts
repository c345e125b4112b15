import { Client } from '../../client/api/client.ts';
import type { ClusterEndpoint } from '../../client/endpoint.ts';
import { MembershipController } from '../../cluster/membership-controller.ts';
import type { NodeStatus } from '../../protocol/client-frame.ts';

/** How long a call looks for a leader. */
const CALL_MS_MAX = 5_000;
/** More calls of other languages' clients at a time are rejected with OVERLOADED. */
const CALLS_BYTES_MAX = 256 * 1024 * 1024;

export interface OwnClientOptions {
  readonly endpoint: ClusterEndpoint;
  readonly payloadBytesMax: number;
  /** Of the node itself. */
  readonly status: () => NodeStatus | undefined;
}

/** The node's own client of its cluster, for the calls that follow the leader; made by the first of them. */
export class OwnClient implements AsyncDisposable {
  readonly #options: OwnClientOptions;
  readonly #members: MembershipController;
  #client: Client | undefined;
  #isDisposed = false;

  constructor(options: OwnClientOptions) {
    this.#options = options;
    this.#members = new MembershipController(
      () => this.#open(),
      async () => options.status()?.leaderId ?? undefined,
    );
  }

  /** Undefined until the cluster is formed, and once the node stops. */
  readonly get = (): Client | undefined => (this.#isDisposed || this.#options.status() === undefined ? undefined : this.#open());

  /** @returns the new leader. @throws {AdminRejectedError | NoLeaderError} */
  async transferLeadership(to: number): Promise<number> {
    return await this.#members.transfer(to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    await this.#client?.close();
  }

  #open(): Client {
    const { endpoint, payloadBytesMax } = this.#options;
    this.#client ??= new Client(endpoint, { deadlineMs: CALL_MS_MAX, payloadBytesMax, queuedBytesMax: CALLS_BYTES_MAX });
    return this.#client;
  }
}
