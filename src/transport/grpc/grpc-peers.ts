import { type Metadata, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { MalformedBytesError, plainBytes } from '../../base/bytes.ts';
import { HandshakeError } from '../../base/errors.ts';
import { asNodeId } from '../../base/ids.ts';
import { type PeerPart, readPeerParts } from '../peer-frame.ts';
import { earlierLife, isNotEarlier, type PeerIdentity } from '../peer-identity.ts';
import type { PeerChannelEvents, PeerChannels, UnreachablePeer } from '../port.ts';
import { UNREAD_PEER_BYTES_MAX, UNSENT_PEER_BYTES_MAX } from '../port.ts';
import type { Channels } from './channel-security.ts';
import { IncomingPeer, type PeerStream } from './incoming-peer.ts';
import { OutgoingPeer } from './outgoing-peer.ts';
import { addressIn, callerIn, welcomeMetadata } from './peer-metadata.ts';
import { type AppendEntriesProto, appendOf, type InstallSnapshotProto, installSnapshotOf, timeoutNowOf } from './raft-protos.ts';
import type { AppendCall, ExchangeCall, SnapshotCall, TimeoutNowCall, TimeoutNowCallback, VoteCall, VoteCallback } from './raft-service.ts';

/** Approximate size of a message without entries or data. */
const MESSAGE_BYTES = 64;

export interface GrpcPeersOptions {
  readonly own: () => PeerIdentity;
  /** Where this node listens, as it reports to those that it calls. */
  readonly address?: string;
  /** A node has opened a channel, and says that it listens there. */
  readonly onAddress?: (node: number, address: string) => void;
  /** Where else a node may be than at the address that was set. Default: nowhere. */
  readonly otherAddresses?: (node: number) => readonly string[];
  /** A channel to a node is open. */
  readonly onReached?: (node: number, address: string) => void;
  /** In [0, 1). */
  readonly random: () => number;
  readonly channels: Channels;
  /** What may wait to be sent to a peer. Default: 128 MiB. */
  readonly unsentBytesMax?: number;
  readonly events: PeerChannelEvents;
}

/** The channels of a node to its peers by gRPC: it calls the service Raft of each, and serves their calls. */
export class GrpcPeers implements PeerChannels {
  readonly #options: GrpcPeersOptions;
  readonly #outgoing = new Map<number, OutgoingPeer>();
  readonly #incoming = new Map<number, IncomingPeer>();
  /** Peers from which nothing is read before the node's next turn. */
  readonly #paused = new Set<IncomingPeer>();
  #isDisposed = false;

  constructor(options: GrpcPeersOptions) {
    this.#options = options;
  }

  /** @param addresses `host:port`, by node. */
  setAddresses(addresses: ReadonlyMap<number, string>): void {
    const { own } = this.#options;
    for (const [node, peer] of this.#outgoing) {
      if (addresses.get(node) === peer.address) continue;
      peer[Symbol.dispose]();
      this.#outgoing.delete(node);
    }
    for (const [node, address] of addresses)
      if (node !== own().node && !this.#outgoing.has(node)) this.#outgoing.set(node, this.#dial(node, address));
  }

  send(to: number, frame: Uint8Array): void {
    const { node } = this.#options.own();
    const parts = readPeerParts(frame, asNodeId(node), asNodeId(to));
    this.#outgoing.get(to)?.send(parts);
    const incoming = this.#incoming.get(to);
    if (incoming?.reply(parts) === false) this.#end(incoming);
  }

  unreachable(): readonly UnreachablePeer[] {
    return [...this.#outgoing].flatMap(([node, { unreachableSinceMs, rejection }]) =>
      unreachableSinceMs === undefined ? [] : [{ node, sinceMs: unreachableSinceMs, rejection }],
    );
  }

  onTurn(): void {
    for (const peer of this.#paused) peer.resume();
    this.#paused.clear();
  }

  /** What a server must serve for the peers of this node. */
  implementation(): UntypedServiceImplementation {
    return {
      Exchange: (call: ExchangeCall) => this.#serve(call, () => this.#onExchange(call)),
      AppendEntries: (call: AppendCall) => this.#serve(call, () => this.#onAppendEntries(call)),
      InstallSnapshot: (call: SnapshotCall) => this.#serve(call, () => this.#onInstallSnapshot(call)),
      RequestVote: (call: VoteCall, reply: VoteCallback) => {
        try {
          const peer = this.#peerOf(call.metadata);
          this.#deliver(peer, [{ type: 'raft', message: peer.addVote(call, reply) }], MESSAGE_BYTES);
        } catch (error) {
          reply(rejectionOf(error));
        }
      },
      TimeoutNow: (call: TimeoutNowCall, reply: TimeoutNowCallback) => {
        try {
          const peer = this.#peerOf(call.metadata);
          this.#deliver(peer, [{ type: 'raft', message: timeoutNowOf(call.request, peer.ends) }], MESSAGE_BYTES);
          reply(null, {});
        } catch (error) {
          reply(rejectionOf(error));
        }
      },
    };
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const peer of this.#outgoing.values()) peer[Symbol.dispose]();
    for (const peer of this.#incoming.values()) peer.close();
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#paused.clear();
  }

  #dial(node: number, address: string): OutgoingPeer {
    const { own, address: ownAddress, random, channels, unsentBytesMax = UNSENT_PEER_BYTES_MAX, events } = this.#options;
    const peer = new OutgoingPeer({
      ...{ own, node, address, ownAddress, random, channels, unsentBytesMax },
      otherAddresses: () => this.#options.otherAddresses?.(node) ?? [],
      onReached: (reached) => this.#options.onReached?.(node, reached),
      onParts: (parts, bytes) => {
        events.onParts(node, parts, bytes);
        events.onReadable();
      },
      onWelcome: (welcome) => {
        const incoming = this.#incoming.get(node);
        if (incoming === undefined || incoming.identity.life === welcome.life) return;
        if (!isNotEarlier(incoming.identity, welcome)) throw earlierLife(node);
        this.#end(incoming);
      },
      onLost: () => this.#onLost(node),
      onRejected: (rejection) => events.onRejected?.(node, rejection),
    });
    const incoming = this.#incoming.get(node);
    if (incoming !== undefined) peer.onPeerLife(incoming.identity.life);
    return peer;
  }

  #onExchange(call: ExchangeCall): void {
    const caller = callerIn(call.metadata, this.#options.own(), true);
    const { identity, channel } = caller;
    const known = this.#incoming.get(identity.node);
    if (known !== undefined) {
      if (!isNotEarlier(known.identity, identity))
        throw new HandshakeError(`A later life of node ${identity.node} has a channel to this node.`);
      if (known.identity.life === identity.life && known.channel >= channel)
        throw new HandshakeError(`Node ${identity.node} has a later channel to this node.`);
      this.#end(known);
    }
    const peer = new IncomingPeer(caller, this.#options.own, call);
    this.#incoming.set(identity.node, peer);
    this.#outgoing.get(identity.node)?.onPeerLife(identity.life);
    call.sendMetadata(welcomeMetadata(this.#options.own()));
    const address = addressIn(call.metadata);
    if (address !== undefined) this.#options.onAddress?.(identity.node, address);
    const onEnd = (): void => this.#end(peer);
    call.on('cancelled', onEnd).on('end', onEnd).on('error', onEnd);
    call.on('data', ({ frame }) =>
      this.#receive(peer, call, frame.length, () => readPeerParts(plainBytes(frame), peer.ends.from, peer.ends.to)),
    );
  }

  #onAppendEntries(call: AppendCall): void {
    const peer = this.#peerOf(call.metadata);
    peer.append = call;
    call.on('error', () => undefined).on('end', () => call.end());
    call.on('data', (request: AppendEntriesProto) => {
      const bytes = request.entries.reduce((sum, { data }) => sum + data.length, MESSAGE_BYTES);
      this.#receive(peer, call, bytes, () => [{ type: 'raft', message: appendOf(request, peer.ends) }]);
    });
  }

  #onInstallSnapshot(call: SnapshotCall): void {
    const peer = this.#peerOf(call.metadata);
    peer.snapshot = call;
    call.on('error', () => undefined).on('end', () => call.end());
    call.on('data', (request: InstallSnapshotProto) => {
      this.#receive(peer, call, request.data.length, () => [{ type: 'raft', message: installSnapshotOf(request, peer.ends) }]);
    });
  }

  /** The channel that a call belongs to. @throws {HandshakeError} */
  #peerOf(metadata: Metadata): IncomingPeer {
    if (this.#isDisposed) throw new HandshakeError('The node stops.');
    const { identity, channel } = callerIn(metadata, this.#options.own(), false);
    const peer = this.#incoming.get(identity.node);
    if (peer?.identity.life !== identity.life || peer.channel !== channel)
      throw new HandshakeError(`Node ${identity.node} has not opened this channel with Exchange, or it has ended.`);
    return peer;
  }

  #serve(call: PeerStream, run: () => void): void {
    try {
      if (this.#isDisposed) throw new HandshakeError('The node stops.');
      run();
    } catch (error) {
      call.emit('error', rejectionOf(error));
    }
  }

  /** A message that is malformed is dropped like a lost one. What arrives on another channel than the peer's latest does not count. */
  #receive(peer: IncomingPeer, call: PeerStream, bytes: number, read: () => readonly PeerPart[]): void {
    if (this.#incoming.get(peer.identity.node) !== peer || !peer.has(call)) return;
    try {
      this.#deliver(peer, read(), bytes);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
    }
  }

  #deliver(peer: IncomingPeer, parts: readonly PeerPart[], bytes: number): void {
    const { events } = this.#options;
    if (events.onParts(peer.identity.node, parts, bytes) > UNREAD_PEER_BYTES_MAX) {
      this.#paused.add(peer);
      peer.pause();
    }
    events.onReadable();
  }

  #end(peer: IncomingPeer): void {
    const { node } = peer.identity;
    if (this.#incoming.get(node) !== peer) return;
    this.#incoming.delete(node);
    this.#paused.delete(peer);
    peer.close();
    this.#onLost(node);
  }

  #onLost(node: number): void {
    if (this.#isDisposed) return;
    this.#options.events.onLost(node);
    this.#options.events.onReadable();
  }
}

/** @throws `error` if it is not about the call. */
function rejectionOf(error: unknown): { readonly code: status; readonly details: string } {
  if (error instanceof HandshakeError) return { code: status.FAILED_PRECONDITION, details: error.message };
  if (error instanceof MalformedBytesError) return { code: status.INVALID_ARGUMENT, details: error.message };
  throw error;
}
