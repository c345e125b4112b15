import type { Socket } from 'node:net';

export interface HandshakeQueueOptions {
  /** Begins the handshake of a socket whose first bytes have arrived. */
  readonly begin: (socket: Socket) => void;
  /** A socket that has sent nothing by then is closed. */
  readonly silenceMsMax: number;
}

/**
 * Begins handshakes one in each round of the event loop, in the order in which their first bytes arrive: a handshake of TLS blocks the loop for a
 * millisecond or two, and a hundred clients may come back at once. What others sent meanwhile is served in between.
 */
export class HandshakeQueue implements Disposable {
  readonly #options: HandshakeQueueOptions;
  readonly #silent = new Map<Socket, NodeJS.Timeout>();
  #waiting: Socket[] = [];
  #next: NodeJS.Immediate | undefined;

  constructor(options: HandshakeQueueOptions) {
    this.#options = options;
  }

  add(socket: Socket): void {
    socket.on('error', () => undefined);
    this.#silent.set(
      socket,
      setTimeout(() => socket.destroy(), this.#options.silenceMsMax),
    );
    socket.once('close', () => this.#forget(socket));
    // It stays in the socket until the handshake reads it.
    socket.once('readable', () => {
      if (!this.#forget(socket)) return;
      // The other side has ended it.
      if (socket.readableLength === 0) socket.destroy();
      else {
        this.#waiting.push(socket);
        this.#next ??= setImmediate(this.#begin);
      }
    });
  }

  /** Closes what has not begun. */
  [Symbol.dispose](): void {
    clearImmediate(this.#next);
    for (const socket of [...this.#silent.keys(), ...this.#waiting]) socket.destroy();
    this.#waiting = [];
  }

  readonly #begin = (): void => {
    this.#next = undefined;
    let socket = this.#waiting.shift();
    while (socket?.destroyed === true) socket = this.#waiting.shift();
    if (this.#waiting.length > 0) this.#next = setImmediate(this.#begin);
    if (socket !== undefined) this.#options.begin(socket);
  };

  /** @returns whether it was waited for. */
  #forget(socket: Socket): boolean {
    clearTimeout(this.#silent.get(socket));
    return this.#silent.delete(socket);
  }
}
