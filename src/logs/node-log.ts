import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Logger } from 'pino';
import type { NodeEvent } from '../node/event.ts';
import type { RaftMessageType } from '../raft/message.ts';
import { RPC_NAMES } from '../raft/message.ts';
import { describeEvent, describeTotals } from './describe.ts';
import { LogFileError } from './log-file-error.ts';
import { STANDARD_OUTPUT } from './log-folder.ts';
import { RpcTally } from './rpc-tally.ts';

export interface NodeLogOptions {
  readonly node: number;
  /** Created with its folder; an existing file is continued. {@link STANDARD_OUTPUT} is that of the process. */
  readonly file: string;
  /** `debug` writes a line for every RPC; `info` the first of a kind to each peer and term, and the totals. Default `info`. */
  readonly level?: 'info' | 'debug';
}

/** Writes one node's events to its file. Never throws after it was opened. */
export interface NodeLog extends Disposable {
  observe(event: NodeEvent): void;
  /** A line of level `info`, of what is no event of the stream. @param event its name, for programs. */
  info(event: string, text: string): void;
  /** The same of level `warn`. */
  warn(event: string, text: string): void;
  /** Writes the last totals and closes the file; a second call does nothing. */
  close(): void;
}

/** Totals are written at an event at least this long after the last totals, so that a killed node loses few counts. */
const TOTALS_EVERY_MS = 2_000;

type Pino = typeof import('pino');
type LogFile = ReturnType<Pino['destination']>;
type RpcSent = Extract<NodeEvent, { readonly type: 'rpc-sent' }>;

/** @throws {LogFileError} when the file cannot be opened. */
export function openNodeLog(options: NodeLogOptions): NodeLog {
  return new PinoNodeLog(options);
}

class PinoNodeLog implements NodeLog {
  readonly #node: number;
  readonly #logsEveryRpc: boolean;
  readonly #file: LogFile;
  readonly #logger: Logger;
  readonly #tally = new RpcTally();
  /** By kind of RPC and peer: the term of its last line. */
  readonly #announced = new Map<RaftMessageType, Map<number, number>>();
  #sentSinceTotals = 0;
  #totalsAtMs: number | undefined;
  #isClosed = false;

  constructor({ node, file, level = 'info' }: NodeLogOptions) {
    this.#node = node;
    this.#logsEveryRpc = level === 'debug';
    this.#file = openFile(file);
    this.#file.on('error', (error: Error) => this.#onWriteError(file, error));
    const { pino, stdTimeFunctions } = loadPino();
    this.#logger = pino(
      { level, base: null, timestamp: stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
      this.#file,
    );
    this.#logger.info({ node, event: 'log-opened', rpcLines: this.#logsEveryRpc ? 'all' : 'first' }, `Node ${node} opens its log`);
  }

  observe(event: NodeEvent): void {
    if (this.#isClosed) return;
    if (event.type === 'rpc-sent') this.#onRpc(event);
    else {
      const { type, ...fields } = event;
      this.#logger.info({ event: type, ...fields }, describeEvent(event));
    }
    this.#totalsAtMs ??= event.atMs;
    if (event.atMs - this.#totalsAtMs >= TOTALS_EVERY_MS) this.#writeTotals(event.atMs);
  }

  info(event: string, text: string): void {
    if (!this.#isClosed) this.#logger.info({ node: this.#node, event }, text);
  }

  warn(event: string, text: string): void {
    if (!this.#isClosed) this.#logger.warn({ node: this.#node, event }, text);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#writeTotals(undefined);
    this.#logger.info({ node: this.#node, event: 'log-closed' }, `Node ${this.#node} closes its log`);
    this.#isClosed = true;
    this.#file.end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #onRpc(event: RpcSent): void {
    this.#tally.add(event.rpc, event.to);
    this.#sentSinceTotals += 1;
    if (this.#logsEveryRpc) this.#writeRpc('debug', event);
    else if (this.#isNews(event)) this.#writeRpc('info', event);
  }

  /** Whether this RPC is logged at level info: every request for a vote, and the first append or snapshot to a peer in a term. */
  #isNews({ rpc, to, term }: RpcSent): boolean {
    if (rpc === 'request-vote') return true;
    if (rpc !== 'append' && rpc !== 'install-snapshot') return false;
    let terms = this.#announced.get(rpc);
    if (terms === undefined) {
      terms = new Map();
      this.#announced.set(rpc, terms);
    }
    if (terms.get(to) === term) return false;
    terms.set(to, term);
    return true;
  }

  #writeRpc(level: 'info' | 'debug', event: RpcSent): void {
    const { node, atMs, term, to, entries } = event;
    this.#logger[level]({ event: 'rpc-sent', node, atMs, term, rpc: RPC_NAMES[event.rpc], to, entries }, describeEvent(event));
  }

  /** Counts since the log was opened: a reader discards its counts of earlier lines. */
  #writeTotals(atMs: number | undefined): void {
    this.#totalsAtMs = atMs;
    if (this.#sentSinceTotals === 0) return;
    this.#sentSinceTotals = 0;
    const sent = this.#tally.counts();
    this.#logger.info({ event: 'rpc-totals', node: this.#node, atMs, sent }, describeTotals(this.#node, sent));
  }

  /** A full disk must not stop a node that can still write its state: the log ends with one warning. */
  #onWriteError(file: string, error: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    process.emitWarning(`The log ${file} ends here: ${error.message}. The node continues. Free space and restart the node to log again.`);
  }
}

/** Loaded by the first log: it takes a fifth of the processor time in which a node's thread starts, and most clusters write none. */
function loadPino(): Pino {
  return createRequire(import.meta.url)('pino') as Pino;
}

/** Synchronous, so that a killed thread loses none of its lines. */
function openFile(file: string): LogFile {
  if (file === STANDARD_OUTPUT) return loadPino().destination({ dest: 1, sync: true });
  try {
    const opened = loadPino().destination({ dest: file, sync: true, mkdir: true, append: true });
    // A killed node may have left a partial line: the next line must not be appended to it.
    if (endsInsideLine(file)) opened.write('\n');
    return opened;
  } catch (error) {
    throw LogFileError.of(file, error);
  }
}

function endsInsideLine(file: string): boolean {
  const { size } = statSync(file);
  if (size === 0) return false;
  const descriptor = openSync(file, 'r');
  try {
    const last = new Uint8Array(1);
    readSync(descriptor, last, 0, 1, size - 1);
    return last[0] !== 0x0a;
  } finally {
    closeSync(descriptor);
  }
}
