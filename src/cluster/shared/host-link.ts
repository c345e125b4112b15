import { HandshakeError, type JobraftError } from '../../base/errors.ts';
import { dialSocket } from '../../transport/dial-socket.ts';
import { jsonFrame } from '../../transport/handshake.ts';
import type { SocketChannel } from '../../transport/socket-channel.ts';
import { HostLostError, HostSilentError } from './errors.ts';
import {
  type HostFrame,
  type HostMethod,
  type HostState,
  type HostWelcome,
  type ProcessFrame,
  type ProcessHello,
  parseHostFrame,
  parseWelcome,
} from './host-protocol.ts';
import { errorOf } from './remote-error.ts';
import { hostSocket } from './shared-folder.ts';

const FRAME_BYTES_MAX = 64 * 1024 * 1024;
const PING_EVERY_MS = 1_000;
/** How long a host may leave a ping unanswered. Its thread does nothing else that takes long. */
const SILENT_MS_MAX = 5_000;
/** How long a host may take to accept a channel. */
const WELCOME_MS_MAX = 5_000;

interface Call {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What came of an attempt to reach the host. */
export type Dialed =
  | { readonly type: 'linked'; readonly link: HostLink }
  /** No process listens. */
  | { readonly type: 'absent' }
  /** The host does not reply, or rejects this process, or cannot be reached from here at all. */
  | { readonly type: 'failed'; readonly error: JobraftError };

export interface LinkListeners {
  readonly onState: (state: HostState) => void;
  /** The host is gone. */
  readonly onLost: () => void;
}

/** A process's channel to the process that hosts the nodes. */
export class HostLink {
  readonly welcome: HostWelcome;
  readonly #channel: SocketChannel;
  readonly #calls = new Map<number, Call>();
  readonly #ping: NodeJS.Timeout;
  readonly #listeners: LinkListeners;
  #nextCall = 1;
  #pingedAtMs: number | undefined;
  #isSilent = false;
  #isLost = false;

  /** Reaches the process that hosts the nodes of a folder, if there is one. @throws {ConfigError} for a path that is too long. */
  static async dial(dataDir: string, hello: ProcessHello, listeners: LinkListeners): Promise<Dialed> {
    return await new Promise<Dialed>((resolve) => {
      let link: HostLink | undefined;
      const channel = dialSocket({
        path: hostSocket(dataDir),
        folder: 'dataDir',
        hello,
        frameBytesMax: FRAME_BYTES_MAX,
        unsentBytesMax: FRAME_BYTES_MAX,
        onWelcome: (welcome) => {
          clearTimeout(late);
          link = new HostLink(parseWelcome(welcome), channel, listeners);
          resolve({ type: 'linked', link });
        },
        onFrame: (frame) => {
          if (link !== undefined) link.#onFrame(frame);
        },
        onClosed: (error) => {
          clearTimeout(late);
          if (link !== undefined) link.#onLost();
          else resolve(error instanceof HandshakeError ? { type: 'failed', error } : { type: 'absent' });
        },
      });
      // After a pause of the event loop timers run before the replies that arrived meanwhile are read.
      const giveUp = (): void => {
        if (link !== undefined) return;
        channel.close();
        resolve({ type: 'failed', error: new HostSilentError(undefined, WELCOME_MS_MAX) });
      };
      const late = setTimeout(() => setImmediate(giveUp), WELCOME_MS_MAX);
    });
  }

  private constructor(welcome: HostWelcome, channel: SocketChannel, listeners: LinkListeners) {
    this.welcome = welcome;
    this.#channel = channel;
    this.#listeners = listeners;
    this.#ping = setInterval(() => this.#sendPing(), PING_EVERY_MS);
  }

  /** The error while the host does not reply. */
  get silence(): HostSilentError | undefined {
    if (!this.#isSilent || this.#pingedAtMs === undefined) return undefined;
    return new HostSilentError(this.welcome.pid, performance.now() - this.#pingedAtMs, 'unknown');
  }

  /**
   * Has the host execute a call. @throws the error of the call. @throws {HostLostError} when the host ends first.
   * @throws {HostSilentError} when it does not reply to pings meanwhile.
   */
  async call(method: HostMethod, args: readonly unknown[]): Promise<unknown> {
    if (this.#isLost) throw new HostLostError('not-applied');
    if (this.#pingedAtMs !== undefined && this.#isSilent) throw new HostSilentError(this.welcome.pid, performance.now() - this.#pingedAtMs);
    const call = this.#nextCall;
    this.#nextCall += 1;
    return await new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject });
      this.#send({ type: 'call', call, method, args });
    });
  }

  close(): void {
    clearInterval(this.#ping);
    this.#isLost = true;
    this.#channel.close();
    this.#rejectCalls(() => new HostLostError('unknown'));
  }

  #send(frame: ProcessFrame): void {
    this.#channel.send(jsonFrame(frame));
  }

  #sendPing(): void {
    if (this.#pingedAtMs === undefined) {
      this.#pingedAtMs = performance.now();
      this.#send({ type: 'ping' });
    } else if (performance.now() - this.#pingedAtMs >= SILENT_MS_MAX) {
      // After a pause of the event loop timers run before the replies that arrived meanwhile are read.
      setImmediate(() => this.#onLatePing());
    }
  }

  #onLatePing(): void {
    this.#isSilent = this.#pingedAtMs !== undefined;
    const { silence } = this;
    if (silence !== undefined) this.#rejectCalls(() => silence);
  }

  #onFrame(bytes: Uint8Array): void {
    let frame: HostFrame;
    try {
      frame = parseHostFrame(bytes);
    } catch (error) {
      if (!(error instanceof HandshakeError)) throw error;
      this.#channel.close();
      this.#onLost();
      return;
    }
    switch (frame.type) {
      case 'pong':
        this.#pingedAtMs = undefined;
        this.#isSilent = false;
        break;
      case 'state':
        this.#listeners.onState(frame.state);
        break;
      case 'value':
        this.#settle(frame.call)?.resolve(frame.value);
        break;
      case 'error':
        this.#settle(frame.call)?.reject(errorOf(frame.error));
        break;
    }
  }

  #settle(call: number): Call | undefined {
    const known = this.#calls.get(call);
    this.#calls.delete(call);
    return known;
  }

  #onLost(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    clearInterval(this.#ping);
    this.#rejectCalls(() => new HostLostError('unknown'));
    this.#listeners.onLost();
  }

  #rejectCalls(error: () => Error): void {
    for (const { reject } of this.#calls.values()) reject(error());
    this.#calls.clear();
  }
}
