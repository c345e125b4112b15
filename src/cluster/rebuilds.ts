import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RebuildRejection } from '../node/admin-handler.ts';
import { StorageError } from '../storage/errors.ts';
import { segmentNumbers } from '../storage/segment-files.ts';
import { Exclusive } from './exclusive.ts';
import { nodeFile } from './node-file.ts';

/** A file is given up only once the leader knows that a majority without it has everything; another rebuild may have to end first. */
const GRANT_WAIT_MS = 60_000;
/** How long a lack of a leader, or of running nodes, may last: one may be started again. */
const QUORUM_WAIT_MS = 10_000;
/** How long a node that was stopped for its rebuild waits for the confirmation. */
const CONFIRM_WAIT_MS = 30_000;
const POLL_MS = 10;
/** Maximum time counted for one question and the pause after it: a suspended machine receives no replies. Some replies take a second. */
const ROUND_MS_MAX = 1_000;

/** The leader's reply; see `RebuildQuestion`. */
export interface RebuildReply {
  /** Whether the reply is from a leader. */
  readonly isFromLeader: boolean;
  /** Why the file may not be given up, or not yet; undefined when it may. */
  readonly rejection: RebuildRejection | undefined;
}

export interface RebuildsParts {
  readonly dataDir: string | undefined;
  /** Asks the leader, once. */
  readonly ask: (node: number, question: number) => Promise<RebuildReply>;
  /** The nodes that have another disk than they vote with: their rebuild is not complete. */
  readonly unfinished: () => Promise<readonly number[]>;
  /** Whether the other nodes that run are a majority. */
  readonly areOthersRunning: (node: number) => boolean;
  readonly isClosed: () => boolean;
  /**
   * Between the grant and the moment when the old file is out of use no change of members may be requested: it would count on that file.
   */
  readonly exclusive: Exclusive;
}

/** The clock that measures the waits. */
export interface RebuildClock {
  /** Monotonic. */
  nowMs(): number;
  pause(ms: number): Promise<void>;
}

const SYSTEM_CLOCK: RebuildClock = {
  nowMs: () => performance.now(),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** The steps that rebuild a node. */
export interface RebuildSteps<Result> {
  /** Stops a running node. It may have acknowledged entries meanwhile that the others lack, so the grant is requested again. */
  readonly stop?: () => Promise<void>;
  /** Gives the file up, and starts the node without it. */
  readonly replace: () => Promise<Result>;
  /** Starts a stopped node with its current file. */
  readonly resume?: () => Promise<void>;
}

/** Rebuilds nodes one after the other: each needs a majority that has everything without it. */
export class Rebuilds {
  readonly #parts: RebuildsParts;
  readonly #clock: RebuildClock;
  readonly #order = new Exclusive();
  #questions = 0;

  constructor(parts: RebuildsParts, clock = SYSTEM_CLOCK) {
    this.#parts = parts;
    this.#clock = clock;
  }

  /**
   * Rebuilds the node once the rebuilds before it have ended, and its file may be given up.
   * @param damage the damage of the file, if any.
   * @throws {StorageError} when the rebuild is not granted in time, or as soon as it never will be: the node keeps its file.
   */
  async run<Result>(node: number, steps: RebuildSteps<Result>, damage?: StorageError): Promise<Result> {
    return await this.#order.run(async () => {
      const question = this.#nextQuestion();
      const rebuilt = await this.#granted(node, GRANT_WAIT_MS, () =>
        this.#parts.exclusive.run(async () => {
          const reply = await this.#parts.ask(node, question);
          return isGrant(reply) ? { result: await this.#replace(node, steps) } : reply;
        }),
      );
      if ('result' in rebuilt) return rebuilt.result;
      throw await this.rejected(node, rebuilt.rejection, damage);
    });
  }

  async #replace<Result>(node: number, { stop, replace, resume }: RebuildSteps<Result>): Promise<Result> {
    if (stop === undefined) return await replace();
    await stop();
    const question = this.#nextQuestion();
    const confirmed = await this.#granted(node, CONFIRM_WAIT_MS, async () => {
      const reply = await this.#parts.ask(node, question);
      return isGrant(reply) ? { result: undefined } : reply;
    });
    if ('result' in confirmed) return await replace();
    await resume?.();
    throw await this.rejected(node, confirmed.rejection);
  }

  /** Retries until there is a result, a rejection is final, or the time is over. */
  async #granted<Result>(
    node: number,
    withinMs: number,
    attempt: () => Promise<RebuildReply | { readonly result: Result }>,
  ): Promise<{ readonly result: Result } | { readonly rejection: RebuildRejection }> {
    let waitedMs = 0;
    let withoutQuorumMs = 0;
    let rejection: RebuildRejection = { message: 'no leader replies.', isFinal: false };
    let roundStartMs = this.#clock.nowMs();
    while (waitedMs < withinMs && withoutQuorumMs <= QUORUM_WAIT_MS && !this.#parts.isClosed()) {
      const reply = await attempt();
      if ('result' in reply) return reply;
      rejection = reply.rejection ?? rejection;
      if (rejection.isFinal) break;
      await this.#clock.pause(POLL_MS);
      const nowMs = this.#clock.nowMs();
      const tookMs = Math.min(nowMs - roundStartMs, ROUND_MS_MAX);
      roundStartMs = nowMs;
      waitedMs += tookMs;
      withoutQuorumMs = reply.isFromLeader && this.#parts.areOthersRunning(node) ? 0 : withoutQuorumMs + tookMs;
    }
    return { rejection };
  }

  #nextQuestion(): number {
    this.#questions += 1;
    return this.#questions;
  }

  /** The error with the remedies for a node that cannot be rebuilt. */
  async rejected(node: number, { message, isFinal }: RebuildRejection, damage?: StorageError): Promise<StorageError> {
    const { dataDir } = this.#parts;
    const sentences = [`Node ${node} cannot be rebuilt: ${message}`];
    if (damage !== undefined) sentences.unshift(damage.message);
    if (dataDir !== undefined) sentences.push(`Its file stays where it is, ${nodeFile(dataDir, node)}.`);
    if (!isFinal) sentences.push('Start the other nodes, or wait until they have everything, and try again.');
    else if (damage === undefined) sentences.push('Add a node first (cluster.addNode()), and try again.');
    if (dataDir !== undefined) sentences.push(...(await this.#remedies(dataDir, node, isFinal, damage)));
    const code = damage?.code ?? (isFinal ? 'STORAGE_TOO_FEW_VOTERS' : 'STORAGE_FAILED');
    return new StorageError(code, sentences.join(' '), { cause: damage, outcome: 'not-applied' });
  }

  async #remedies(dataDir: string, node: number, isFinal: boolean, damage: StorageError | undefined): Promise<string[]> {
    const remedies: string[] = [];
    if (damage?.code === 'STORAGE_DAMAGED')
      remedies.push(
        `${isFinal ? 'Close' : 'Or close'} the cluster, and put an undamaged copy of the latest state of that file there, with its segments: of the whole folder.`,
      );
    if (damage?.code === 'STORAGE_ROLLED_BACK') {
      const manifest = join(dataDir, 'cluster.json');
      remedies.push(
        `If all nodes' files are of one backup and later ones exist nowhere, move ${manifest} away: the cluster starts with what the backup holds.`,
      );
    }
    const others = (await this.#parts.unfinished()).filter((other) => other !== node);
    const commands = others.flatMap((other) => putBack(nodeFile(dataDir, other), other));
    if (commands.length > 0) {
      remedies.push(
        'Without a leader, close the cluster, put the files back that were moved aside for rebuilds that are not over, and start it ' +
          `again: ${commands.join('; ')}.`,
      );
    }
    return remedies;
  }
}

const isGrant = ({ isFromLeader, rejection }: RebuildReply): boolean => isFromLeader && rejection === undefined;

/** The command that restores the node's latest file that was moved aside, if there is one. The current file is moved aside, too. */
export function putBack(file: string, node: number): string[] {
  const folder = dirname(file);
  if (!existsSync(folder)) return [];
  const prefix = `${basename(file)}.damaged-`;
  const latest = readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && !/-(wal|shm|segment-[0-9]+)$/.test(name))
    .sort()
    .at(-1);
  if (latest === undefined) return [];
  const [present, aside, replaced] = [file, join(folder, latest), `${file}.replaced-${latest.slice(prefix.length)}`].map(quoted);
  const move = (from: string | undefined, to: string | undefined): string => `[ ! -e ${from}$s ] || mv ${from}$s ${to}$s`;
  const segments = Math.max(0, ...[file, join(folder, latest)].flatMap((path) => segmentNumbers(path)));
  const suffixes = `'' -wal -shm${segments === 0 ? '' : ` $(seq -f -segment-%.0f ${segments})`}`;
  return [`node ${node}: for s in ${suffixes}; do ${move(present, replaced)}; ${move(aside, present)}; done`];
}

/** Quoted for a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
