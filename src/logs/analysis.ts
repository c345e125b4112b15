import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { JobraftError } from '../base/errors.ts';
import type { LogRecord } from './log-record.ts';
import { parseLogLine } from './log-record.ts';

/** A node that became leader. */
export interface Leadership {
  readonly node: number;
  readonly term: number;
  /** Wall-clock time, ISO 8601 in UTC. */
  readonly time: string;
}

export interface NodeAnalysis {
  readonly node: number;
  readonly file: string;
  /** How often its log was opened: at the first start and at each restart. */
  readonly starts: number;
  /** Elections that it began. */
  readonly elections: number;
  /** RPCs sent, by the Raft paper's name. */
  readonly rpcSent: Readonly<Record<string, number>>;
  /**
   * Whether every RPC is in `rpcSent`. A node that was killed while only totals were logged sent a few more since the last totals.
   */
  readonly isComplete: boolean;
  /** Incomplete lines: torn by a kill, or damaged. */
  readonly unreadableLines: number;
}

export interface LogAnalysis {
  readonly nodes: readonly NodeAnalysis[];
  /** Ordered by time. */
  readonly leaders: readonly Leadership[];
  readonly elections: number;
}

/** A folder does not contain the logs of nodes. */
export class LogFolderError extends JobraftError {
  override readonly code = 'LOG_FOLDER';
}

const LOG_FILE = /^node-(\d+)\.log$/;

/**
 * Reads the logs of a run.
 * @param folder contains the files `node-<n>.log`, itself or in its folder `logs`.
 * @throws {LogFolderError} otherwise, with the folders to use.
 */
export async function analyseLogs(folder: string): Promise<LogAnalysis> {
  const readers: NodeLogReader[] = [];
  for (const { node, file } of logFiles(folder)) {
    const reader = new NodeLogReader(node, file);
    for await (const line of linesOf(createReadStream(file, 'utf8'))) reader.onLine(line);
    readers.push(reader);
  }
  return analysisOf(readers);
}

/**
 * Reads the logs of several nodes that were mixed into one stream, as those of containers are. What is before a line's JSON, such as the name of its
 * container, and lines of other programs are skipped.
 * @throws {LogFolderError} when no line is a node's.
 */
export async function analyseMixedLogs(input: Readable): Promise<LogAnalysis> {
  const readers = new Map<number, NodeLogReader>();
  for await (const line of linesOf(input)) {
    const json = line.indexOf('{');
    const record = json === -1 ? undefined : parseLogLine(line.slice(json));
    if (record === undefined) continue;
    const reader = readers.get(record.node) ?? new NodeLogReader(record.node, '-');
    readers.set(record.node, reader);
    reader.onRecord(record);
  }
  if (readers.size === 0)
    throw new LogFolderError(
      'Standard input has no line of a node. Give the output of nodes whose "logs.dir" is "-": docker-compose logs | jobraft logs -',
    );
  return analysisOf([...readers.values()].sort((a, b) => a.node - b.node));
}

const linesOf = (input: Readable): AsyncIterable<string> => createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });

function analysisOf(readers: readonly NodeLogReader[]): LogAnalysis {
  const nodes = readers.map((reader) => reader.analysis());
  const leaders = readers.flatMap(({ leaderships }) => leaderships);
  leaders.sort((a, b) => (a.time === b.time ? a.term - b.term : a.time < b.time ? -1 : 1));
  return { nodes, leaders, elections: nodes.reduce((sum, { elections }) => sum + elections, 0) };
}

function logFiles(folder: string): { node: number; file: string }[] {
  for (const candidate of [folder, join(folder, 'logs')]) {
    const files = namesIn(candidate, candidate === folder).flatMap((name) => {
      const id = LOG_FILE.exec(name)?.[1];
      return id === undefined ? [] : [{ node: Number(id), file: join(candidate, name) }];
    });
    if (files.length > 0) return files.sort((a, b) => a.node - b.node);
  }
  throw new LogFolderError(
    `There are no node logs (node-1.log, node-2.log, …) in ${folder}. Name the folder of a run: the "logs.dir" of its cluster, or results/<run>.`,
  );
}

function namesIn(folder: string, isRequired: boolean): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (!isRequired) return [];
    const reason = error instanceof Error ? error.message : String(error);
    throw new LogFolderError(`The folder ${folder} cannot be read: ${reason}. Name the folder of a run, such as data/logs.`, {
      cause: error,
    });
  }
}

/** Reads one file from its first line to its last, over every restart of the node. */
class NodeLogReader {
  readonly leaderships: Leadership[] = [];
  readonly node: number;
  readonly #file: string;
  readonly #rpcSent: Record<string, number> = {};
  /** Since the log was last opened. */
  #session: Record<string, number> = {};
  #isSessionComplete = true;
  #isComplete = true;
  #starts = 0;
  #elections = 0;
  #unreadableLines = 0;

  constructor(node: number, file: string) {
    this.node = node;
    this.#file = file;
  }

  onLine(line: string): void {
    if (line.trim() === '') return;
    const record = parseLogLine(line);
    if (record === undefined || record.node !== this.node) this.#unreadableLines += 1;
    else this.onRecord(record);
  }

  analysis(): NodeAnalysis {
    this.#endSession();
    return {
      node: this.node,
      file: this.#file,
      starts: this.#starts,
      elections: this.#elections,
      rpcSent: this.#rpcSent,
      isComplete: this.#isComplete,
      unreadableLines: this.#unreadableLines,
    };
  }

  onRecord(record: LogRecord): void {
    switch (record.event) {
      case 'log-opened':
        this.#endSession();
        this.#starts += 1;
        // If every RPC has a line, a kill loses no count; otherwise counts are complete once the log is closed.
        this.#isSessionComplete = record.rpcLines === 'all';
        break;
      case 'log-closed':
        this.#isSessionComplete = true;
        break;
      case 'election-timeout':
        this.#elections += 1;
        break;
      case 'role':
        if (record.role === 'leader') this.leaderships.push({ node: this.node, term: record.term ?? 0, time: record.time });
        break;
      case 'rpc-sent':
        if (record.rpc !== undefined) this.#session[record.rpc] = (this.#session[record.rpc] ?? 0) + 1;
        break;
      case 'rpc-totals':
        // Totals include the lines before them: they replace them instead of adding to them.
        this.#session = {};
        for (const [rpc, peers] of Object.entries(record.sent ?? {}))
          this.#session[rpc] = Object.values(peers).reduce((sum, count) => sum + count, 0);
        break;
    }
  }

  #endSession(): void {
    for (const [rpc, count] of Object.entries(this.#session)) this.#rpcSent[rpc] = (this.#rpcSent[rpc] ?? 0) + count;
    this.#isComplete &&= this.#isSessionComplete;
    this.#session = {};
    this.#isSessionComplete = true;
  }
}
