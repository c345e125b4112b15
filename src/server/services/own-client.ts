import { Client } from '../../client/api/client.ts';
import { Queue } from '../../client/api/queue.ts';
import type { ClusterEndpoint } from '../../client/endpoint.ts';
import { MembershipController } from '../../cluster/membership-controller.ts';
import type { NodeStatus } from '../../protocol/client-frame.ts';
import type { ServedCall } from './operations.ts';
import { SessionRequests } from './session-requests.ts';

/** Of a call without a deadline. */
const CALL_MS_DEFAULT = 10_000;
const CALL_MS_MIN = 250;
const CALL_MS_MAX = 300_000;
/** Between the deadlines of two clients. */
const STEP = Math.cbrt(2);
/** What is left for the way of the error back to the caller. */
const SHARE = 0.95;
/** Calls beyond it that have about the same time left are rejected with OVERLOADED. */
const CALLS_BYTES_MAX = 64 * 1024 * 1024;
const CONFIRM_MS = 5_000;

export interface OwnClientOptions {
  readonly endpoint: ClusterEndpoint;
  readonly payloadBytesMax: number;
  /** Of the node itself. */
  readonly status: () => NodeStatus | undefined;
}

/**
 * The node's own clients of its cluster, for the calls that follow the leader. A client has one deadline for all of its calls, so there is one for
 * each step of deadlines, made by its first call: {@link callMsOf}.
 */
export class OwnClient implements AsyncDisposable {
  readonly #options: OwnClientOptions;
  readonly #members: MembershipController;
  readonly #clients = new Map<number, Client>();
  readonly #sessions: SessionRequests;
  #isDisposed = false;

  constructor(options: OwnClientOptions) {
    this.#options = options;
    this.#members = new MembershipController(
      () => this.#open(callMsOf(Number.POSITIVE_INFINITY)),
      async () => options.status()?.leaderId ?? undefined,
    );
    this.#sessions = new SessionRequests((handlers) => {
      const own = options.status()?.node;
      return own === undefined ? undefined : options.endpoint.openChannel(own, handlers);
    }, Math.random);
  }

  /** @param leftMs until the deadline of the call. @returns undefined until the cluster is formed, and once the node stops. */
  readonly get = (leftMs: number): Client | undefined =>
    this.#isDisposed || this.#options.status() === undefined ? undefined : this.#open(callMsOf(leftMs));

  /** What serves a call. @param signal aborted when its caller is gone. @returns undefined as {@link get} does. */
  readonly serve = (leftMs: number, signal: AbortSignal): ServedCall | undefined => {
    const client = this.get(leftMs);
    if (client === undefined) return undefined;
    const withinMs = callMsOf(leftMs);
    return {
      client,
      signal,
      openSession: () => this.#sessions.open({ withinMs, signal }),
      inSession: (id, write, waitMs = 0) => this.#sessions.send({ id, write, withinMs, waitMs, signal }),
    };
  };

  /**
   * Resolves if this node leads, as a majority confirms since the call: by a linearizable read that no other node is asked for.
   * @throws {NoLeaderError | DeadlineError} if it does not lead, or no majority replies to it.
   */
  async confirmLeadership(): Promise<void> {
    const { endpoint, status } = this.#options;
    const own = status()?.node;
    const openChannel: ClusterEndpoint['openChannel'] = (node, handlers) =>
      node === own ? endpoint.openChannel(node, handlers) : undefined;
    const client = new Client({ nodeIds: () => (own === undefined ? [] : [own]), openChannel }, { deadlineMs: CONFIRM_MS });
    try {
      await using queue = new Queue('backup', { connection: client });
      await queue.getJobCounts();
    } finally {
      await client.close();
    }
  }

  /** Changes of members, through the leader. */
  get members(): MembershipController {
    return this.#members;
  }

  /** @returns the new leader. @throws {AdminRejectedError | NoLeaderError} */
  async transferLeadership(to: number): Promise<number> {
    return await this.#members.transfer(to);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    this.#sessions[Symbol.dispose]();
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }

  #open(deadlineMs: number): Client {
    const { endpoint, payloadBytesMax } = this.#options;
    const client = this.#clients.get(deadlineMs) ?? new Client(endpoint, { deadlineMs, payloadBytesMax, queuedBytesMax: CALLS_BYTES_MAX });
    this.#clients.set(deadlineMs, client);
    return client;
  }
}

/**
 * How long a call may take here: less than what is left of its deadline, so that the caller receives the error that says whether the call may have
 * taken effect, and not only that its time is over. The results are few: 250 ms, and each step longer, up to five minutes.
 * @param leftMs infinity for a call without a deadline.
 */
export function callMsOf(leftMs: number): number {
  if (leftMs === Number.POSITIVE_INFINITY) return CALL_MS_DEFAULT;
  const steps = Math.floor(Math.log(Math.max(SHARE * leftMs, CALL_MS_MIN) / CALL_MS_MIN) / Math.log(STEP));
  return Math.min(Math.round(CALL_MS_MIN * STEP ** steps), CALL_MS_MAX);
}
