import type { EventEmitter } from 'node:events';
import { type ClientDuplexStream, type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ByteWriter, MalformedBytesError } from '../../base/bytes.ts';
import { HandshakeError } from '../../base/errors.ts';
import { asNodeId, type NodeId } from '../../base/ids.ts';
import { assertNever } from '../../base/invariant.ts';
import type { RaftMessage, RequestVote } from '../../raft/message.ts';
import { type PeerPart, writePeerPart } from '../peer-frame.ts';
import type { PeerIdentity, PeerLife } from '../peer-identity.ts';
import { Redial } from '../redial.ts';
import { AddressTurns } from './address-turns.ts';
import type { Channels } from './channel-security.ts';
import { helloMetadata, lifeIn } from './peer-metadata.ts';
import {
  type AppendEntriesProto,
  type AppendEntriesResponseProto,
  appendProto,
  appendResponseOf,
  type InstallSnapshotProto,
  type InstallSnapshotResponseProto,
  installSnapshotProto,
  requestVoteProto,
  snapshotReplyOf,
  timeoutNowProto,
  voteReplyOf,
} from './raft-protos.ts';
import { type PeerFrameProto, type RaftClient, raftClient } from './raft-service.ts';

/** How long a vote may take; a node that must not vote leaves the call unanswered. */
const VOTE_MS_MAX = 5_000;

/** Approximate size of a message without entries or data. */
const MESSAGE_BYTES = 64;

export interface OutgoingPeerOptions {
  readonly own: () => PeerIdentity;
  readonly node: number;
  readonly address: string;
  /** Where else the node may be. */
  readonly otherAddresses: () => readonly string[];
  /** Where this node listens. */
  readonly ownAddress?: string | undefined;
  readonly random: () => number;
  readonly channels: Channels;
  readonly unsentBytesMax: number;
  readonly onParts: (parts: readonly PeerPart[], bytes: number) => void;
  /** The peer accepted the channel. @throws {HandshakeError} if it is not to be used. */
  readonly onWelcome: (life: PeerLife) => void;
  /** The channel is open. @param address where the peer was reached. */
  readonly onReached: (address: string) => void;
  /** A channel that was open is lost. */
  readonly onLost: () => void;
  /** See {@link PeerChannelEvents.onRejected}. */
  readonly onRejected: (rejection: HandshakeError) => void;
}

interface OpenChannel {
  /** Of the peer's process. */
  readonly life: number;
  readonly client: RaftClient;
  readonly append: ClientDuplexStream<AppendEntriesProto, AppendEntriesResponseProto>;
  readonly snapshot: ClientDuplexStream<InstallSnapshotProto, InstallSnapshotResponseProto>;
  readonly exchange: ClientDuplexStream<PeerFrameProto, PeerFrameProto>;
  readonly metadata: Metadata;
}

/** The calls of this node to one peer: opened at creation, kept, and opened again with a growing pause when they are lost. */
export class OutgoingPeer implements Disposable {
  readonly #options: OutgoingPeerOptions;
  readonly #redial: Redial;
  readonly #addresses: AddressTurns;
  /** One for each attempt, so that no pause of its own delays the next. */
  #client: RaftClient | undefined;
  /** The call that opens the channel. */
  #exchange: OpenChannel['exchange'] | undefined;
  #channel: OpenChannel | undefined;
  #unsentBytes = 0;

  constructor(options: OutgoingPeerOptions) {
    this.#options = options;
    this.#addresses = new AddressTurns(options.address, options.otherAddresses);
    this.#redial = new Redial({
      random: options.random,
      onLost: options.onLost,
      onRejected: options.onRejected,
      open: (attempt) => this.#open(attempt),
      cancel: () => this.#cancel(),
    });
    this.#redial.open();
  }

  /** Where the peer was reached last. */
  get address(): string {
    return this.#addresses.known;
  }

  /** Since when there is no channel, monotonic ms; undefined while there is one. */
  get unreachableSinceMs(): number | undefined {
    return this.#redial.closedSinceMs;
  }

  get rejection(): HandshakeError | undefined {
    return this.#redial.rejection;
  }

  /** The peer has opened a channel to this node. @param life of its process: a channel to an earlier one has ended, whether this is known yet or not. */
  onPeerLife(life: number): void {
    if (this.#channel?.life !== life) this.#addresses.onCalled(life);
    if (this.#channel === undefined) this.#redial.hurry();
    else if (this.#channel.life !== life) this.#redial.reopen();
  }

  /** Messages are lost while there is no channel; Raft sends again. */
  send(parts: readonly PeerPart[]): void {
    const channel = this.#channel;
    if (channel === undefined) return;
    let others: ByteWriter | undefined;
    for (const part of parts) {
      if (part.type === 'raft') this.#sendMessage(channel, part.message);
      else {
        others ??= new ByteWriter();
        writePeerPart(others, part);
      }
    }
    if (others !== undefined) this.#write(channel.exchange, { frame: others.view() }, others.length);
    if (this.#unsentBytes > this.#options.unsentBytesMax) this.#redial.reopen();
  }

  [Symbol.dispose](): void {
    this.#redial[Symbol.dispose]();
  }

  #sendMessage({ client, append, snapshot, metadata }: OpenChannel, message: RaftMessage): void {
    switch (message.type) {
      case 'append':
        this.#write(
          append,
          appendProto(message),
          message.entries.reduce((sum, { data }) => sum + data.length, MESSAGE_BYTES),
        );
        break;
      case 'install-snapshot':
        this.#write(snapshot, installSnapshotProto(message), message.data.length);
        break;
      case 'request-vote':
        this.#requestVote(client, message, metadata);
        break;
      case 'timeout-now':
        client.TimeoutNow(timeoutNowProto(message), metadata, { deadline: Date.now() + VOTE_MS_MAX }, () => undefined);
        break;
      // Replies are sent on the calls of the peer.
      case 'vote-reply':
      case 'append-accepted':
      case 'append-rejected':
      case 'snapshot-reply':
        break;
      default:
        assertNever(message);
    }
  }

  #requestVote(client: RaftClient, message: RequestVote, metadata: Metadata): void {
    const channel = this.#channel;
    client.RequestVote(requestVoteProto(message), metadata, { deadline: Date.now() + VOTE_MS_MAX }, (error, response) => {
      if (error === null && response !== undefined && channel === this.#channel) this.#receive(() => voteReplyOf(response, this.#ends));
    });
  }

  #write<Request>(stream: ClientDuplexStream<Request, unknown>, request: Request, bytes: number): void {
    this.#unsentBytes += bytes;
    stream.write(request, () => {
      this.#unsentBytes -= bytes;
    });
  }

  get #ends(): { readonly from: NodeId; readonly to: NodeId } {
    return { from: asNodeId(this.#options.node), to: asNodeId(this.#options.own().node) };
  }

  #open(attempt: number): void {
    const { own, node, ownAddress, channels } = this.#options;
    const client = raftClient(this.#addresses.next(), channels, node);
    const exchange = client.Exchange(helloMetadata(own(), node, attempt, 0, ownAddress));
    this.#client = client;
    this.#exchange = exchange;
    this.#watch(exchange, attempt);
    exchange.on('metadata', (metadata: Metadata) => {
      if (!this.#redial.isLatest(attempt)) return;
      try {
        const life = lifeIn(metadata);
        this.#options.onWelcome(life);
        this.#onOpened(client, exchange, life.life, attempt);
      } catch (error) {
        if (!(error instanceof HandshakeError)) throw error;
        this.#onClosed(attempt, error);
      }
    });
    // Nothing is sent on it; without a reader its end would not be noticed.
    exchange.resume();
  }

  #onOpened(client: RaftClient, exchange: OpenChannel['exchange'], life: number, attempt: number): void {
    const { own, node } = this.#options;
    const metadata = helloMetadata(own(), node, attempt, life);
    const append = client.AppendEntries(metadata);
    const snapshot = client.InstallSnapshot(metadata);
    for (const stream of [append, snapshot]) this.#watch(stream, attempt);
    append.on('data', (response: AppendEntriesResponseProto) => {
      if (this.#redial.isLatest(attempt)) this.#receive(() => appendResponseOf(response, this.#ends));
    });
    snapshot.on('data', (response: InstallSnapshotResponseProto) => {
      if (this.#redial.isLatest(attempt)) this.#receive(() => snapshotReplyOf(response, this.#ends));
    });
    this.#channel = { life, client, append, snapshot, exchange, metadata };
    this.#unsentBytes = 0;
    this.#redial.onOpened(attempt);
    this.#addresses.onReached();
    this.#options.onReached(this.address);
  }

  /** A response that is malformed is dropped like a lost one. */
  #receive(read: () => RaftMessage): void {
    try {
      this.#options.onParts([{ type: 'raft', message: read() }], MESSAGE_BYTES);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
    }
  }

  /** All calls of a channel end with the first of them. */
  #watch(stream: EventEmitter, attempt: number): void {
    stream.on('error', (error: ServiceError) => this.#onClosed(attempt, rejectionIn(error)));
    stream.on('end', () => this.#onClosed(attempt));
  }

  /** What is at another address than the known one may be anything: that it rejects the channel says nothing of the peer. */
  #onClosed(attempt: number, rejection?: HandshakeError): void {
    this.#redial.onClosed(attempt, this.#addresses.isKnown ? rejection : undefined);
  }

  #cancel(): void {
    const streams = [this.#channel?.append, this.#channel?.snapshot, this.#exchange];
    this.#channel = undefined;
    this.#exchange = undefined;
    for (const stream of streams) stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }
}

/** The reason of a peer that rejects a channel; undefined for other failures. */
const rejectionIn = ({ code, details }: ServiceError): HandshakeError | undefined =>
  code === status.FAILED_PRECONDITION ? new HandshakeError(details) : undefined;
