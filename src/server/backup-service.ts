import { createHash, type Hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { writeContents } from '../backup/backup-contents.ts';
import { BackupError } from '../backup/backup-error.ts';
import type { BackupSink } from '../backup/backup-file.ts';
import { AdminRejectedError } from '../client/errors.ts';
import type { EncryptionKeys } from '../encryption/encryption-key.ts';
import type { NodeStatus } from '../protocol/client-frame.ts';
import type { BackupPieceProto } from '../transport/grpc/backup-piece.ts';
import { serviceErrorOf } from './services/service-errors.ts';

/** What is read, and what is sent, at once: the node's event loop is blocked meanwhile, for a few milliseconds. */
const PIECE_BYTES = 256 * 1024;
/** The node's own work has the event loop, and the disk, for this many times as long as a piece took. */
const PAUSE_SHARE = 2;
const PAUSE_MS_MIN = 1;
/** A receiver that takes nothing for so long is given up: what it has not received keeps the node's WAL from being reused. */
const TAKE_MS_MAX = 60_000;

export type BackupCall = ServerWritableStream<unknown, BackupPieceProto>;

export interface BackupServiceOptions {
  readonly file: string;
  readonly keys: EncryptionKeys | undefined;
  readonly clusterId: number;
  readonly status: () => NodeStatus;
  /** Default: a minute. */
  readonly takeMsMax?: number;
}

/** Sends what this node has as a backup, while it leads. One at a time: each keeps the WAL of the node's file from being reused. */
export class BackupService implements Disposable {
  readonly #options: BackupServiceOptions;
  #current: PieceStream | undefined;
  #isDisposed = false;

  constructor(options: BackupServiceOptions) {
    this.#options = options;
  }

  /**
   * The call Backup.
   * @param confirmRead resolves if this node has been the leader since the call, as a majority confirms.
   */
  readonly serve = async (call: BackupCall, confirmRead: () => Promise<void>): Promise<void> => {
    if (this.#current !== undefined) {
      const message = `Node ${this.#options.status().node} sends a backup already. Await its end, then try again.`;
      call.emit('error', serviceErrorOf(new BackupError('BACKUP_FAILED', message)));
      return;
    }
    const pieces = new PieceStream(call, this.#options.takeMsMax ?? TAKE_MS_MAX);
    this.#current = pieces;
    try {
      await this.#send(pieces, confirmRead);
    } catch (error) {
      call.emit('error', serviceErrorOf(error));
    } finally {
      this.#current = undefined;
    }
  };

  /** What is sent now ends with an error. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#current?.stop();
  }

  async #send(pieces: PieceStream, confirmRead: () => Promise<void>): Promise<void> {
    const { file, keys, clusterId } = this.#options;
    const before = this.#leading();
    await confirmRead();
    const leader = this.#leading();
    if (leader.term !== before.term) throw notLeader(leader);
    const isClosed = (): boolean => this.#isDisposed;
    const { bytes, index } = await writeContents(pieces, { file, keys, clusterId, leader, chunkBytes: PIECE_BYTES, isClosed });
    await pieces.end({ bytes, index, term: leader.term, node: leader.node });
  }

  /** @throws {AdminRejectedError} */
  #leading(): NodeStatus {
    const status = this.#options.status();
    if (status.state !== 'leader') throw notLeader(status);
    return status;
  }
}

const notLeader = ({ node, leaderId }: NodeStatus): AdminRejectedError =>
  new AdminRejectedError(
    'NOT_LEADER',
    `Node ${node} does not lead, and only a leader has everything. ${leaderId === null ? 'Try again once there is a leader.' : `Call node ${leaderId}.`}`,
    leaderId ?? 0,
  );

/** The bytes of a backup as messages of a call, as fast as its receiver takes them. */
class PieceStream implements BackupSink {
  readonly #call: BackupCall;
  readonly #takeMsMax: number;
  readonly #hash: Hash = createHash('sha256');
  #resumedMs = performance.now();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Why nothing more can be sent. */
  #ended: Error | undefined;
  #onEnded: () => void = () => undefined;

  constructor(call: BackupCall, takeMsMax: number) {
    this.#call = call;
    this.#takeMsMax = takeMsMax;
    call.on('cancelled', () => this.#fail('the call was cancelled'));
    call.on('error', () => this.#fail('the call has ended'));
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + PIECE_BYTES - this.#waitingBytes);
      // The writer may use its bytes again.
      this.#waiting.push(part.slice());
      this.#waitingBytes += part.length;
      at += part.length;
      if (this.#waitingBytes === PIECE_BYTES) await this.#send();
    }
  }

  async end(backup: { readonly bytes: number; readonly index: number; readonly term: number; readonly node: number }): Promise<void> {
    if (this.#waitingBytes > 0) await this.#send();
    this.#check();
    this.#call.write({ data: Buffer.alloc(0), end: { ...backup, sha256: this.#hash.digest() } });
    this.#call.end();
  }

  abort(error: Error): void {
    this.#ended ??= error;
    this.#onEnded();
  }

  /** The node stops. */
  stop(): void {
    this.#fail('the node stops');
  }

  async #send(): Promise<void> {
    this.#check();
    const data = Buffer.concat(this.#waiting);
    [this.#waiting, this.#waitingBytes] = [[], 0];
    const workedMs = performance.now() - this.#resumedMs;
    if (!this.#call.write({ data })) await this.#taken();
    await sleep(Math.max(PAUSE_MS_MIN, PAUSE_SHARE * workedMs));
    this.#check();
    this.#resumedMs = performance.now();
  }

  /** Resolves once more may be sent, or nothing can be any more. */
  async #taken(): Promise<void> {
    const taken = Promise.withResolvers<void>();
    const late = setTimeout(() => this.#fail(`its receiver took nothing for ${this.#takeMsMax} ms`), this.#takeMsMax);
    this.#onEnded = taken.resolve;
    this.#call.once('drain', taken.resolve);
    try {
      await taken.promise;
    } finally {
      clearTimeout(late);
      this.#call.off('drain', taken.resolve);
    }
  }

  /** @throws {BackupError | ClusterClosedError} */
  #check(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  #fail(reason: string): void {
    this.abort(new BackupError('BACKUP_FAILED', `The backup was given up: ${reason}. Take another one.`));
  }
}
