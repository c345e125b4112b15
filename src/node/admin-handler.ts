import type { LogIndex } from '../base/ids.ts';
import { asIndex, asNodeId } from '../base/ids.ts';
import { assertNever } from '../base/invariant.ts';
import type { AdminRejectionReason, ClientFrame, LogEntryView, ServerFrame } from '../protocol/client-frame.ts';
import { writeServerFrame } from '../protocol/client-frame.ts';
import type { Effects, RaftEvent, Rejection } from '../raft/effects.ts';
import type { MembershipChange } from '../raft/membership.ts';
import type { CoreView } from '../raft/raft-core.ts';
import type { RebuildQuestion } from '../raft/rebuild-question.ts';
import { nodeStatus } from './node-status.ts';
import type { ClientOutbox } from './outbox.ts';

/** Most entries in a reply to GetLog. */
const LOG_VIEW_ENTRIES_MAX = 1_000;
/** Data of one reply, beside its first entry: a client of gRPC receives 4 MiB by default. */
const LOG_VIEW_BYTES_MAX = 3 * 1024 * 1024;

/** Requests of operators; other handlers serve all other frames. */
export type AdminFrame = Extract<ClientFrame, { readonly type: 'status' | 'log' | 'change' | 'transfer' }>;

/** The part of the core that operators use. */
export interface AdminCore {
  readonly view: CoreView;
  applied(): LogIndex;
  changeMembership(change: MembershipChange, isRepeated: boolean): Effects;
  transferLeadership(to: number | undefined): Effects;
  rebuild(question: RebuildQuestion): Effects;
  expectNoLeader(): Effects;
}

type Untimed<Event> = Event extends unknown ? Omit<Event, 'now'> : never;
/** What an operator does to the core, at a time that the node adds. */
export type AdminEvent = Untimed<
  Extract<RaftEvent, { readonly type: 'change-membership' | 'transfer-leadership' | 'rebuild' | 'leaderless' }>
>;

export const adminCoreOf = ({
  view,
  applied,
  step,
}: Pick<AdminCore, 'view' | 'applied'> & { readonly step: (event: AdminEvent) => Effects }): AdminCore => ({
  view,
  applied,
  changeMembership: (change, isRepeated) => step({ type: 'change-membership', change, isRepeated }),
  transferLeadership: (to) => step({ type: 'transfer-leadership', to: to === undefined ? undefined : asNodeId(to) }),
  rebuild: (question) => step({ type: 'rebuild', ...question }),
  expectNoLeader: () => step({ type: 'leaderless' }),
});

/** Why a node's file may not be discarded. */
export interface RebuildRejection {
  readonly message: string;
  /** Only a membership change can make this permitted. */
  readonly isFinal: boolean;
}

/** A membership change that waits for the voters' replies. */
interface PendingChange {
  readonly connection: number;
  readonly call: number;
  readonly change: MembershipChange;
}

/** Serves admin requests to this node: GetStatus, GetLog, membership changes, leadership transfer. */
export class AdminHandler {
  readonly #core: AdminCore;
  readonly #clients: ClientOutbox;
  /** The core decides it within a few election timeouts. */
  #pending: PendingChange | undefined;

  constructor(core: AdminCore, clients: ClientOutbox) {
    this.#core = core;
    this.#clients = clients;
  }

  onFrame(connection: number, frame: AdminFrame): void {
    if (frame.type === 'change') this.#onChange(connection, frame);
    else this.#reply(connection, this.#replyTo(frame));
  }

  /** Replies of voters that arrived since may decide a membership change. */
  onTurn(): void {
    const asked = this.#pending;
    if (asked === undefined) return;
    this.#pending = undefined;
    this.#change(asked, true);
  }

  /** All nodes of the cluster were started together, and none leads. */
  expectNoLeader(): void {
    this.#core.expectNoLeader();
  }

  /** Whether the node's file may be discarded. @returns why not, or not yet; undefined if it may. */
  rebuildRejection(node: number, question: number): RebuildRejection | undefined {
    const { rejected } = this.#core.rebuild({ node: asNodeId(node), question });
    if (rejected === undefined) return undefined;
    return { message: explain(rejected).message, isFinal: rejected.reason === 'too-few-copies' && rejected.isFinal };
  }

  #onChange(connection: number, { call, add, remove, learners }: Extract<AdminFrame, { readonly type: 'change' }>): void {
    const change = { add: add.map(asNodeId), remove: remove.map(asNodeId), learners: learners.map(asNodeId) };
    if (this.#pending === undefined) this.#change({ connection, call, change }, false);
    else this.#reply(connection, this.#outcomeOf(call, { reason: 'change-pending' }));
  }

  #change(asked: PendingChange, isRepeated: boolean): void {
    const { rejected } = this.#core.changeMembership(asked.change, isRepeated);
    if (rejected?.reason === 'voters-asked') this.#pending = asked;
    else this.#reply(asked.connection, this.#outcomeOf(asked.call, rejected));
  }

  #reply(connection: number, reply: ServerFrame): void {
    writeServerFrame(this.#clients.writerFor(connection), reply);
  }

  #replyTo(frame: Exclude<AdminFrame, { readonly type: 'change' }>): ServerFrame {
    const { call } = frame;
    switch (frame.type) {
      case 'status':
        return { type: 'status', call, status: nodeStatus(this.#core.view, this.#core.applied()) };
      case 'log':
        return { type: 'log', call, entries: this.#viewLog(frame.from, frame.to) };
      case 'transfer':
        return this.#outcomeOf(call, this.#core.transferLeadership(frame.to === 0 ? undefined : frame.to).rejected);
      default:
        return assertNever(frame);
    }
  }

  #outcomeOf(call: number, rejected: Rejection | undefined): ServerFrame {
    if (rejected === undefined) return { type: 'done', call };
    return { type: 'admin-rejected', call, leader: this.#core.view.leader ?? 0, ...explain(rejected) };
  }

  #viewLog(from: number, to: number): LogEntryView[] {
    const { log } = this.#core.view;
    const first = Math.max(from, log.firstIndex);
    const last = Math.min(to, log.lastIndex, first + LOG_VIEW_ENTRIES_MAX - 1);
    const entries = last < first ? [] : log.between(asIndex(first - 1), asIndex(last));
    let bytes = 0;
    const end = entries.findIndex(({ data }, at) => {
      bytes += data.length;
      return at > 0 && bytes > LOG_VIEW_BYTES_MAX;
    });
    return end < 0 ? entries : entries.slice(0, end);
  }
}

const listed = (nodes: readonly number[]): string => nodes.join(', ') || 'none';

function explain(rejected: Rejection): { readonly reason: AdminRejectionReason; readonly message: string } {
  switch (rejected.reason) {
    case 'not-leader':
      return {
        reason: 'NOT_LEADER',
        message:
          rejected.leader === undefined
            ? 'No leader available.'
            : `This node is not the leader. Send the request to node ${rejected.leader}.`,
      };
    case 'not-ready':
      return { reason: 'NOT_READY', message: 'The leader has not committed anything in its term yet. Retry in a moment.' };
    case 'change-pending':
      return { reason: 'CHANGE_PENDING', message: 'Another membership change is in progress. Retry when it is done.' };
    case 'transferring':
      return { reason: 'TRANSFERRING', message: `Leadership is being transferred to node ${rejected.to}. Retry with the new leader.` };
    case 'invalid-change':
    case 'invalid-transfer':
      return { reason: 'INVALID', message: rejected.message };
    case 'too-few-copies':
      if (rejected.isFinal) {
        const others = listed(rejected.voters.filter((voter) => voter !== rejected.node));
        const message = `The voters are nodes ${listed(rejected.voters)}. Without node ${rejected.node} the others (${others}) are no majority, whatever they have.`;
        return { reason: 'CHANGE_PENDING', message };
      }
      return {
        reason: 'CHANGE_PENDING',
        message: `Of the voters (nodes ${listed(rejected.voters)}), without node ${rejected.node}, these are known to have every acknowledged entry: ${rejected.holders.length === 0 ? 'none' : `node ${listed(rejected.holders)}`}. That is no majority.`,
      };
    case 'voters-asked':
      return {
        reason: 'CHANGE_PENDING',
        message: `The leader waits for replies of the voters before and after the change (nodes ${listed(rejected.voters)}). Retry in a moment.`,
      };
    case 'too-few-voters':
      return {
        reason: 'CHANGE_PENDING',
        message: `Of the voters before and after the change (nodes ${listed(rejected.voters)}), these replied in time with the disk that they vote with: ${listed(rejected.present)}. That is no majority of both. Retry when more of them reply.`,
      };
    case 'overloaded':
      return { reason: 'OVERLOADED', message: `The leader holds ${rejected.uncommittedBytes} bytes that are not committed. Retry later.` };
    default:
      return assertNever(rejected);
  }
}
