import { ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder, type ServiceDefinition } from '@grpc/grpc-js';
import { describedStatuses } from './call-status.ts';

/** Replies that one connection may leave unread before it is closed. One reply fits, however large. */
export const UNREAD_REPLY_BYTES_MAX = 64 * 1024 * 1024;

type Serialize = ServiceDefinition[string]['responseSerialize'];
type NextCall = Parameters<ServerInterceptor>[1];

export interface UnreadRepliesOptions {
  readonly bytesMax: number;
  /** The largest message that the server accepts. */
  readonly messageBytesMax: number;
  /** @param peer whose connection is to be closed, `host:port`. */
  readonly onExceeded: (peer: string, bytes: number) => void;
}

/** Counts the replies that wait to be sent on each connection of a server: HTTP/2 keeps those that a client does not read. */
export class UnreadReplies {
  readonly #options: UnreadRepliesOptions;
  readonly #bytes = new Map<string, number>();
  /** Of calls with one reply, by path: the reply's size is known before gRPC takes it. */
  readonly #serializers = new Map<string, Serialize>();

  constructor(options: UnreadRepliesOptions) {
    this.#options = options;
  }

  /** A reply is passed to gRPC. @returns called once it is sent, or its call has ended. */
  add(peer: string, bytes: number): () => void {
    const before = this.#bytes.get(peer) ?? 0;
    this.#bytes.set(peer, before + bytes);
    if (before > this.#options.bytesMax) this.#options.onExceeded(peer, before + bytes);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#bytes.get(peer) ?? bytes) - bytes;
      if (left > 0) this.#bytes.set(peer, left);
      else this.#bytes.delete(peer);
    };
  }

  /** The same service, whose single replies pass {@link interceptor}. */
  counted(service: ServiceDefinition): ServiceDefinition {
    return Object.fromEntries(
      Object.entries(service).map(([name, method]) => {
        if (method.responseStream) return [name, method];
        this.#serializers.set(method.path, method.responseSerialize);
        return [name, { ...method, responseSerialize: (reply: Buffer) => reply }];
      }),
    );
  }

  /** Counts single replies. Streams have a queue of their own before it: who writes to one counts with {@link add}. */
  readonly interceptor: ServerInterceptor = ({ path }, call) => {
    const described = describedStatuses(call, this.#options.messageBytesMax);
    const serialize = this.#serializers.get(path);
    // The type is a class, and gRPC calls what its interface has. A wrapper would cost every message of a stream.
    if (serialize === undefined) return described as ServerInterceptingCall;
    return new CountedCall(described, serialize, (bytes) => this.add(described.getPeer(), bytes));
  };
}

/** A call with one reply. */
class CountedCall extends ServerInterceptingCall {
  readonly #serialize: Serialize;
  readonly #add: (bytes: number) => () => void;

  constructor(call: NextCall, serialize: Serialize, add: (bytes: number) => () => void) {
    const ended: { release: () => void } = { release: () => undefined };
    super(call, { start: (next) => next(new ServerListenerBuilder().withOnCancel(() => ended.release()).build()) });
    this.#serialize = serialize;
    this.#add = (bytes) => {
      ended.release = add(bytes);
      return ended.release;
    };
  }

  override sendMessage(message: unknown, callback: () => void): void {
    const reply = this.#serialize(message);
    const release = this.#add(reply.length);
    super.sendMessage(reply, () => {
      release();
      callback();
    });
  }
}
