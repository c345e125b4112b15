import { MalformedBytesError } from '../base/bytes.ts';
import { HandshakeError } from '../base/errors.ts';
import { asNodeId } from '../base/ids.ts';
import { dialSocket } from './dial-socket.ts';
import { readPeerParts } from './peer-frame.ts';
import {
  callerOf,
  earlierLife,
  isNotEarlier,
  lifeOfWelcome,
  type PeerIdentity,
  type PeerLife,
  peerCall,
  welcomeOf,
} from './peer-identity.ts';
import { type PeerChannelEvents, type PeerChannels, UNREAD_PEER_BYTES_MAX, UNSENT_PEER_BYTES_MAX, type UnreachablePeer } from './port.ts';
import { Redial } from './redial.ts';
import type { SocketChannel } from './socket-channel.ts';
import type { AcceptedChannel } from './socket-server.ts';

/** The largest frame that is accepted of a peer: one entry, however large, and what is beside it. */
const FRAME_BYTES_MAX = 1024 * 1024 * 1024;

export interface SocketPeersOptions {
  readonly own: () => PeerIdentity;
  /** In [0, 1). */
  readonly random: () => number;
  /** What may wait to be sent to a peer. Default: 128 MiB. */
  readonly unsentBytesMax?: number;
  readonly events: PeerChannelEvents;
}

/** The channels of a node to peers on the same machine, by Unix sockets: each node sends on those that it opens, and receives on the others. */
export class SocketPeers implements PeerChannels {
  readonly #options: SocketPeersOptions;
  readonly #outgoing = new Map<number, OutgoingSocket>();
  readonly #incoming = new Map<number, { readonly identity: PeerIdentity; readonly channel: SocketChannel }>();
  /** Channels from which nothing is read before the node's next turn. */
  readonly #paused = new Set<SocketChannel>();
  #isDisposed = false;

  constructor(options: SocketPeersOptions) {
    this.#options = options;
  }

  /** @param addresses paths of sockets, by node. */
  setAddresses(addresses: ReadonlyMap<number, string>): void {
    const { own, random, unsentBytesMax = UNSENT_PEER_BYTES_MAX } = this.#options;
    for (const [node, peer] of this.#outgoing) {
      if (addresses.get(node) === peer.path) continue;
      peer[Symbol.dispose]();
      this.#outgoing.delete(node);
    }
    for (const [node, path] of addresses) {
      if (node === own().node || this.#outgoing.has(node)) continue;
      const onWelcome = (welcome: PeerLife): void => {
        const incoming = this.#incoming.get(node);
        if (incoming === undefined || incoming.identity.life === welcome.life) return;
        if (!isNotEarlier(incoming.identity, welcome)) throw earlierLife(node);
        this.#end(node, incoming.channel);
      };
      this.#outgoing.set(
        node,
        new OutgoingSocket({ own, random, unsentBytesMax, node, path, onWelcome, onLost: () => this.#onLost(node) }),
      );
    }
  }

  send(to: number, frame: Uint8Array): void {
    this.#outgoing.get(to)?.send(frame);
  }

  unreachable(): readonly UnreachablePeer[] {
    return [...this.#outgoing].flatMap(([node, { closedSinceMs, rejection }]) =>
      closedSinceMs === undefined ? [] : [{ node, sinceMs: closedSinceMs, rejection }],
    );
  }

  onTurn(): void {
    for (const channel of this.#paused) channel.resume();
    this.#paused.clear();
  }

  /** Part of the node's socket server. @param hello the first frame of a peer. @throws {HandshakeError} */
  accept(hello: unknown, channel: SocketChannel): AcceptedChannel {
    if (this.#isDisposed) throw new HandshakeError('The node stops.');
    const { own, events } = this.#options;
    const identity = callerOf(typeof hello === 'object' && hello !== null ? hello : {}, own());
    const { node } = identity;
    const known = this.#incoming.get(node);
    if (known !== undefined && !isNotEarlier(known.identity, identity))
      throw new HandshakeError(`A later life of node ${node} has a channel to this node.`);
    if (known !== undefined) this.#end(node, known.channel);
    this.#incoming.set(node, { identity, channel });
    this.#outgoing.get(node)?.onPeerLife(identity.life);
    return {
      welcome: welcomeOf(own()),
      onFrame: (frame) => {
        if (this.#incoming.get(node)?.channel !== channel) return;
        try {
          const unread = events.onParts(node, readPeerParts(frame, asNodeId(node), asNodeId(own().node)), frame.length);
          if (unread > UNREAD_PEER_BYTES_MAX) this.#pause(channel);
        } catch (error) {
          // Dropped like a lost one.
          if (!(error instanceof MalformedBytesError)) throw error;
        }
        events.onReadable();
      },
      onClosed: () => this.#end(node, channel),
    };
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    for (const peer of this.#outgoing.values()) peer[Symbol.dispose]();
    for (const { channel } of this.#incoming.values()) channel.close();
    this.#outgoing.clear();
    this.#incoming.clear();
    this.#paused.clear();
  }

  #pause(channel: SocketChannel): void {
    this.#paused.add(channel);
    channel.pause();
  }

  /** The peer's channel to this node, unless another has taken its place. */
  #end(node: number, channel: SocketChannel): void {
    if (this.#incoming.get(node)?.channel !== channel) return;
    this.#incoming.delete(node);
    this.#paused.delete(channel);
    channel.close();
    this.#onLost(node);
  }

  #onLost(node: number): void {
    if (this.#isDisposed) return;
    this.#options.events.onLost(node);
    this.#options.events.onReadable();
  }
}

interface OutgoingSocketOptions extends Required<Pick<SocketPeersOptions, 'own' | 'random' | 'unsentBytesMax'>> {
  readonly node: number;
  readonly path: string;
  /** @throws {HandshakeError} if the channel is not to be used. */
  readonly onWelcome: (life: PeerLife) => void;
  readonly onLost: () => void;
}

/** The channel on which this node sends to one peer. */
class OutgoingSocket implements Disposable {
  readonly path: string;
  readonly #redial: Redial;
  #channel: SocketChannel | undefined;
  /** Of the peer's process. */
  #life: number | undefined;

  constructor({ own, random, unsentBytesMax, node, path, onWelcome, onLost }: OutgoingSocketOptions) {
    this.path = path;
    this.#redial = new Redial({
      random,
      onLost,
      cancel: () => {
        this.#channel?.close();
        this.#channel = undefined;
      },
      open: (attempt) => {
        this.#channel = dialSocket({
          path,
          folder: 'dataDir',
          hello: { kind: 'peer', ...peerCall(own(), node) },
          frameBytesMax: FRAME_BYTES_MAX,
          unsentBytesMax,
          onWelcome: (welcome) => {
            const life = lifeOfWelcome(typeof welcome === 'object' && welcome !== null ? welcome : {});
            onWelcome(life);
            this.#life = life.life;
            this.#redial.onOpened(attempt);
          },
          // The peer sends on a channel of its own.
          onFrame: () => undefined,
          onClosed: (error) => this.#redial.onClosed(attempt, error),
        });
      },
    });
    this.#redial.open();
  }

  get closedSinceMs(): number | undefined {
    return this.#redial.closedSinceMs;
  }

  get rejection(): HandshakeError | undefined {
    return this.#redial.rejection;
  }

  /** The peer has opened a channel to this node. @param life of its process: a channel to an earlier one has ended, whether this is known yet or not. */
  onPeerLife(life: number): void {
    if (!this.#redial.isOpen) this.#redial.hurry();
    else if (this.#life !== life) this.#redial.reopen();
  }

  /** Frames are lost while the channel is not open; Raft sends again. */
  send(frame: Uint8Array): void {
    if (this.#redial.isOpen) this.#channel?.send(frame);
  }

  [Symbol.dispose](): void {
    this.#redial[Symbol.dispose]();
  }
}
