import type { Socket } from 'node:net';
import { MalformedBytesError, plainBytes } from '../base/bytes.ts';
import { FrameSplitter, frameHeader } from './frame-splitter.ts';

/** How long the other side of a channel that is closed may take to read what was sent before. */
const CLOSE_MS_MAX = 1_000;

export interface SocketChannelOptions {
  readonly socket: Socket;
  /** The largest frame that is accepted now; a larger one closes the channel. */
  readonly frameBytesMax: () => number;
  /** How much may wait to be sent: a receiver that reads nothing loses the channel, and this process no more memory. */
  readonly unsentBytesMax: number;
  readonly onFrame: (frame: Uint8Array) => void;
  /** Called once, and not after `close()`. @param error why, unless the other side closed the channel. */
  readonly onClosed: (error: Error | undefined) => void;
}

/** Frames over a socket of any kind, in order. Frames that are sent before the socket is connected wait for that. */
export class SocketChannel {
  readonly #socket: Socket;
  readonly #splitter: FrameSplitter;
  readonly #unsentBytesMax: number;
  readonly #onFrame: (frame: Uint8Array) => void;
  readonly #onClosed: (error: Error | undefined) => void;
  #isClosed = false;
  #error: Error | undefined;

  constructor({ socket, frameBytesMax, unsentBytesMax, onFrame, onClosed }: SocketChannelOptions) {
    this.#socket = socket;
    this.#splitter = new FrameSplitter(frameBytesMax);
    this.#unsentBytesMax = unsentBytesMax;
    this.#onFrame = onFrame;
    this.#onClosed = onClosed;
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('error', (error) => {
      this.#error ??= error;
    });
    socket.on('close', () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      this.#onClosed(this.#error);
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Once it is closed, nothing is sent. @param frame not to be changed from now on. */
  send(frame: Uint8Array): void {
    const socket = this.#socket;
    if (this.#isClosed || socket.destroyed) return;
    if (socket.writableLength > this.#unsentBytesMax) {
      this.#lose(new Error(`The other side of the channel does not read: ${socket.writableLength} bytes wait to be sent.`));
      return;
    }
    socket.cork();
    socket.write(frameHeader(frame.length));
    socket.write(frame);
    socket.uncork();
  }

  /** Stops reading, so that the sender waits. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends what waits to be sent, then closes; the other side of a channel that does not read within a second loses that. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const socket = this.#socket;
    if (socket.connecting || socket.writableLength === 0) {
      socket.destroy();
      return;
    }
    socket.end();
    setTimeout(() => socket.destroy(), CLOSE_MS_MAX).unref();
  }

  #onData(chunk: Uint8Array): void {
    this.#splitter.push(plainBytes(chunk));
    while (!this.#isClosed && !this.#socket.destroyed) {
      const frame = this.#nextFrame();
      if (frame === undefined) return;
      this.#onFrame(frame);
    }
  }

  #nextFrame(): Uint8Array | undefined {
    try {
      return this.#splitter.next();
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.#lose(error);
      return undefined;
    }
  }

  #lose(error: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }
}
