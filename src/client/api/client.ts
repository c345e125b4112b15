import type { LogEntryView, NodeStatus } from '../../protocol/client-frame.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import { type ClientOptions, checkEndpoint, clientConfig } from '../client-options.ts';
import { type ClientClock, SYSTEM_CLOCK } from '../clock.ts';
import { CLIENT_CLOSED, CLUSTER_CLOSED, type ClosedReason } from '../closed-reason.ts';
import { Connection } from '../delivery/connection.ts';
import { Dispatcher } from '../delivery/dispatcher.ts';
import { RealTime } from '../delivery/real-time.ts';
import { OWN_STATUS_CALL } from '../delivery/transmitter.ts';
import type { ClusterEndpoint } from '../endpoint.ts';
import { AdminCalls, type MemberChange } from './admin-calls.ts';
import { holdsLeases, releaseHolder } from './holder-release.ts';
import { checkLogRange, checkMemberChange, checkNode, checkSuccessor } from './node-arguments.ts';
import { queueNames } from './queue-names.ts';
import { type ReadOptions, readConsistency } from './read-options.ts';

export type { ClientOptions };

/**
 * A connection to a cluster, shared by any number of queues and workers. It finds the leader, combines the operations of one turn
 * into one request, and repeats requests until they are answered, which the cluster recognises by its session.
 */
export class Client implements AsyncDisposable {
  /** @internal receives the operations of Queue and Worker. */
  readonly dispatcher: Dispatcher;
  /** @internal */
  readonly endpoint: ClusterEndpoint;
  /** @internal see {@link ClusterEndpoint}. */
  readonly clock: ClientClock;
  /** @internal see {@link ClusterEndpoint}. */
  readonly departedReleased: Promise<void> | undefined;
  readonly #connection: Connection;
  readonly #adminCalls: AdminCalls;
  readonly #closedListeners = new Set<(error: Error) => void>();
  readonly #unsubscribe: (() => void) | undefined;
  #closed: ClosedReason | undefined;
  #closing: Promise<void> | undefined;

  /** @throws {UnknownOptionError | InvalidOptionError} */
  constructor(endpoint: ClusterEndpoint, options: ClientOptions = {}) {
    checkEndpoint(endpoint);
    this.endpoint = endpoint;
    const config = clientConfig(options);
    this.clock = endpoint.clock ?? SYSTEM_CLOCK;
    this.#connection = new Connection(endpoint, {
      onReply: (reply, node) => this.dispatcher.onReply(reply, node),
      onReplyPart: (first, reply, node) => this.dispatcher.onReplyPart(first, reply, node),
      onRequestRejected: (rejection, node) => this.dispatcher.onRejected(rejection, node),
      onStatus: (call, status) => {
        if (call === OWN_STATUS_CALL) this.dispatcher.onStatus(status);
        else this.#adminCalls.onStatus(call, status);
      },
      onDone: (call) => this.#adminCalls.onDone(call),
      onAdminRejected: (rejection) => this.#adminCalls.onRejected(rejection),
      onLog: (reply) => this.#adminCalls.onLog(reply.call, reply.entries),
      onLost: (node) => {
        this.#adminCalls.onLost(node);
        this.dispatcher.onLost(node);
      },
    });
    this.dispatcher = new Dispatcher(this.#connection, config, new RealTime(this.clock));
    this.departedReleased = endpoint.departedReleased;
    this.#adminCalls = new AdminCalls(this.#connection, config.deadlineMs, this.clock);
    this.#unsubscribe = endpoint.onClosed?.(() => this.#onClusterClosed());
    if (endpoint.isClosed === true) this.#onClusterClosed();
  }

  /**
   * Resolves once the cluster replies. Calls do not need it; it takes the handshake out of the first one.
   * @param queue one that this program's token permits; any without a token.
   * @throws {DeadlineError | NoLeaderError | NoNodesRunningError | QuorumLostError | AccessDeniedError | ClientClosedError | ClusterClosedError}
   */
  async connect(queue = 'connect'): Promise<void> {
    await new Promise<OperationResult>((resolve, reject) => this.dispatcher.connect(queue, { onResult: resolve, onError: reject }));
  }

  /**
   * @internal releases every lease of a process that is gone: begun jobs count a stall.
   * @throws {DeadlineError | NoLeaderError | ClientClosedError}
   */
  async releaseHolder(holder: number): Promise<void> {
    await releaseHolder(this.dispatcher, holder);
  }

  /** @internal the same for a process that may have no lease any more: then nothing is written. */
  async releaseAnyHeld(holder: number): Promise<void> {
    if (await holdsLeases(this.dispatcher, holder)) await releaseHolder(this.dispatcher, holder);
  }

  /**
   * The names of all queues of the cluster that have jobs, job schedulers or limits, are paused, or record their events, oldest first. They are read page by page, so that this is no snapshot: a
   * queue that comes or goes meanwhile may be missing. By linearizable reads, unless another consistency is given.
   * @throws {UnknownOptionError | InvalidOptionError | DeadlineError | NoLeaderError | ClientClosedError}
   */
  async queues(options?: ReadOptions): Promise<string[]> {
    return await queueNames(this.dispatcher, readConsistency(options));
  }

  /** GetStatus of one node. @throws {InvalidOptionError | NodeUnavailableError | DeadlineError} */
  async status(node: number): Promise<NodeStatus> {
    this.#checkOpen();
    checkNode(node);
    return await this.#adminCalls.status(node);
  }

  /**
   * GetLog: the entries of one node's log from index `from` to `to`, both included; 1,000 or 3 MiB at most, but one if there is one.
   * @throws {InvalidOptionError | NodeUnavailableError | DeadlineError}
   */
  async log(node: number, from = 1, to = Number.MAX_SAFE_INTEGER): Promise<readonly LogEntryView[]> {
    this.#checkOpen();
    checkNode(node);
    checkLogRange(from, to);
    return await this.#adminCalls.log(node, from, to);
  }

  /**
   * Requests other members from the leader. Resolves once the change is in the leader's log; its further steps follow by themselves, and
   * {@link status} reports their progress.
   * @throws {AdminRejectedError} if the node is not the leader, another change is in progress, or the change is invalid.
   * @throws {UnknownOptionError | InvalidOptionError} nothing was sent
   * @throws {NodeUnavailableError | DeadlineError} the change may have begun.
   */
  async changeMembership(node: number, change: MemberChange): Promise<void> {
    this.#checkOpen();
    checkNode(node);
    checkMemberChange(change);
    await this.#adminCalls.change(node, change);
  }

  /**
   * Asks the leader to transfer leadership to node `to`, or to the voter with the longest log. Resolves once the transfer has begun.
   * @throws {AdminRejectedError | InvalidOptionError | NodeUnavailableError | DeadlineError}
   */
  async transferLeadership(node: number, to = 0): Promise<void> {
    this.#checkOpen();
    checkNode(node);
    checkSuccessor(to);
    await this.#adminCalls.transfer(node, to);
  }

  /**
   * @internal calls `listener` once, when this client or its cluster is closed, with the error of all later calls.
   * @returns ends the subscription.
   */
  onClosed(listener: (error: Error) => void): () => void {
    if (this.#closed === undefined) {
      this.#closedListeners.add(listener);
    } else {
      const error = this.#closed('not-applied');
      queueMicrotask(() => listener(error));
    }
    return () => this.#closedListeners.delete(listener);
  }

  /**
   * Awaits the unanswered calls (until their deadlines), then leaves the cluster. Workers that use the client stop at once: close
   * them first. May be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #checkOpen(): void {
    if (this.#closed !== undefined) throw this.#closed('not-applied');
  }

  async #close(): Promise<void> {
    this.#unsubscribe?.();
    this.#rejectCalls(CLIENT_CLOSED);
    await new Promise<void>((resolve) => this.dispatcher.close(resolve));
    this.#connection.close();
  }

  #onClusterClosed(): void {
    this.#rejectCalls(CLUSTER_CLOSED);
    this.dispatcher.end(CLUSTER_CLOSED, () => this.#connection.close());
  }

  #rejectCalls(reason: ClosedReason): void {
    this.#closed ??= reason;
    this.#adminCalls.close(reason);
    const listeners = [...this.#closedListeners];
    this.#closedListeners.clear();
    for (const listener of listeners) listener(this.#closed('not-applied'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
