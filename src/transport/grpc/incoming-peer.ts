import { status } from '@grpc/grpc-js';
import { asNodeId, type NodeId } from '../../base/ids.ts';
import { assertNever } from '../../base/invariant.ts';
import type { RaftMessage, RequestVote } from '../../raft/message.ts';
import type { PeerPart } from '../peer-frame.ts';
import type { PeerIdentity } from '../peer-identity.ts';
import type { CallerChannel } from './peer-metadata.ts';
import { appendResponseProto, requestVoteOf, snapshotReplyProto, voteReplyProto } from './raft-protos.ts';
import type { AppendCall, ExchangeCall, SnapshotCall, VoteCall, VoteCallback } from './raft-service.ts';

/** Unanswered votes of one peer; a newer one ends the oldest. */
const VOTES_MAX = 16;

interface PendingVote {
  readonly request: RequestVote;
  readonly reply: VoteCallback;
}

/** Replies that a peer may leave unread; beyond, its channel is closed. */
const UNREAD_REPLIES_MAX = 16_384;

/** A call that brings messages. */
export type PeerStream = AppendCall | ExchangeCall | SnapshotCall;

/** The calls of one channel of a peer to this node, and the replies to them. */
export class IncomingPeer {
  readonly identity: PeerIdentity;
  readonly channel: number;
  readonly #own: () => PeerIdentity;
  readonly #exchange: ExchangeCall;
  readonly #votes: PendingVote[] = [];
  #append: AppendCall | undefined;
  #snapshot: SnapshotCall | undefined;

  constructor({ identity, channel }: CallerChannel, own: () => PeerIdentity, exchange: ExchangeCall) {
    this.identity = identity;
    this.channel = channel;
    this.#own = own;
    this.#exchange = exchange;
  }

  /** The sender and receiver of what arrives. */
  get ends(): { readonly from: NodeId; readonly to: NodeId } {
    return { from: asNodeId(this.identity.node), to: asNodeId(this.#own().node) };
  }

  set append(call: AppendCall) {
    this.#append?.end();
    this.#append = call;
  }

  set snapshot(call: SnapshotCall) {
    this.#snapshot?.end();
    this.#snapshot = call;
  }

  /** Whether what the call brings counts: a newer call of the same kind takes its place. */
  has(call: PeerStream): boolean {
    return call === this.#append || call === this.#snapshot || call === this.#exchange;
  }

  /** Stops reading, so that the peer waits. */
  pause(): void {
    for (const call of this.#streams()) call.pause();
  }

  resume(): void {
    for (const call of this.#streams()) call.resume();
  }

  /** @returns the request of the call, whose reply is sent once there is one. */
  addVote(call: VoteCall, reply: VoteCallback): RequestVote {
    const request = requestVoteOf(call.request, this.ends);
    this.#votes.push({ request, reply });
    if (this.#votes.length > VOTES_MAX) this.#votes.shift()?.reply({ code: status.CANCELLED, details: 'A newer vote takes its place.' });
    return request;
  }

  /** Sends what replies to calls of this peer; everything else is for this node's own calls. @returns false if the peer does not read them. */
  reply(parts: readonly PeerPart[]): boolean {
    for (const part of parts) if (part.type === 'raft') this.#replyTo(part.message);
    return [this.#append, this.#snapshot].every((call) => call === undefined || call.writableLength <= UNREAD_REPLIES_MAX);
  }

  /** Ends all calls of the peer. */
  close(): void {
    for (const call of this.#streams()) call.end();
    for (const { reply } of this.#votes.splice(0)) reply({ code: status.CANCELLED, details: 'The channel of the node ended.' });
  }

  #streams(): readonly PeerStream[] {
    return [this.#append, this.#snapshot, this.#exchange].filter((call) => call !== undefined);
  }

  #replyTo(message: RaftMessage): void {
    switch (message.type) {
      case 'append-accepted':
      case 'append-rejected':
        this.#append?.write(appendResponseProto(message));
        break;
      case 'snapshot-reply':
        this.#snapshot?.write(snapshotReplyProto(message));
        break;
      case 'vote-reply':
        this.#takeVote(message.preVote)?.reply(null, voteReplyProto(message));
        break;
      case 'append':
      case 'install-snapshot':
      case 'request-vote':
      case 'timeout-now':
        break;
      default:
        assertNever(message);
    }
  }

  /** By the newest call, which has the latest deadline: a reply itself says of which term it is. */
  #takeVote(isPreVote: boolean): PendingVote | undefined {
    const at = this.#votes.findLastIndex(({ request }) => request.preVote === isPreVote);
    const [taken] = at === -1 ? [] : this.#votes.splice(at, 1);
    return taken;
  }
}
