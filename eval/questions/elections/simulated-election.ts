import { ANY_DISK, asIndex, asNodeId, asTerm, type NodeId, ZERO_ENTRY } from '../../../src/base/ids.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { raftConfig } from '../../../src/raft/config.ts';
import { configurationOf, type Entry } from '../../../src/raft/entry.ts';
import type { RaftMessage } from '../../../src/raft/message.ts';
import { RaftCore } from '../../../src/raft/raft-core.ts';
import type { ElectionRules } from '../../../src/raft/shared-state.ts';
import type { TimeoutRange } from './timeout-ranges.ts';
import { heartbeatMsOf } from './timeout-ranges.ts';

export interface SimulatedElection {
  readonly timeouts: TimeoutRange;
  readonly rules: ElectionRules;
  /** `different`: each follower's log has another length, so that only two of four can win. */
  readonly logs: 'different' | 'equal';
  /** One way, from sending to execution at the receiver, disk writes included: uniform between these. */
  readonly delayMs: { readonly from: number; readonly to: number };
  /** An election that takes longer is not awaited. */
  readonly limitMs: number;
  readonly seed: number;
}

export const NODES = 5;
const LEADER = asNodeId(NODES);
const SHORTEST_LOG = 1;
const TERM = asTerm(1);

interface Flight {
  readonly message: RaftMessage;
  readonly dueMs: number;
}

/**
 * One crash of a leader, as in the Raft paper (§9.3), in simulated time: it sends a heartbeat to its four followers, replicates nothing, and
 * ends at a random moment of the heartbeat interval after it. The followers are the cores that every node runs.
 * @returns milliseconds from the crash until a follower has the votes of a majority; `undefined` when that takes longer than the limit.
 */
export function simulateElection(setup: SimulatedElection): number | undefined {
  const random = new SeededRandom(setup.seed);
  const followers = followersOf(setup, random);
  const flights: Flight[] = [];
  const send = (message: RaftMessage, nowMs: number): void => {
    flights.push({ message, dueMs: nowMs + random.nextBetween(setup.delayMs.from, setup.delayMs.to) });
  };
  for (const to of followers.keys()) send(heartbeatTo(to), 0);
  const crashMs = random.nextBetween(0, heartbeatMsOf(setup.timeouts));
  for (;;) {
    const flight = earliest(flights, ({ dueMs }) => dueMs);
    const sleeper = earliest([...followers.values()], ({ nextDeadlineMs }) => nextDeadlineMs);
    const isMessage = flight !== undefined && flight.dueMs <= (sleeper?.nextDeadlineMs ?? Number.POSITIVE_INFINITY);
    const now = isMessage ? flight.dueMs : (sleeper?.nextDeadlineMs ?? Number.POSITIVE_INFINITY);
    if (now > crashMs + setup.limitMs) return undefined;
    if (isMessage) flights.splice(flights.indexOf(flight), 1);
    const core = isMessage ? followers.get(flight.message.to) : sleeper;
    // The leader has ended.
    if (core === undefined) continue;
    const effects = core.step(isMessage ? { type: 'message', now, message: flight.message } : { type: 'deadline', now });
    if (core.view.role === 'leader') return now - crashMs;
    for (const message of [...effects.messages, ...effects.messagesAfterPersist]) send(message, now);
  }
}

function followersOf({ timeouts, rules, logs }: SimulatedElection, random: SeededRandom): ReadonlyMap<NodeId, RaftCore> {
  const voters = Array.from({ length: NODES }, (_, at) => asNodeId(at + 1));
  const config = raftConfig({
    heartbeatMs: heartbeatMsOf(timeouts),
    electionTimeoutMs: timeouts.minMs,
    electionTimeoutMaxMs: timeouts.maxMs,
  });
  const ids = shuffled(
    voters.filter((id) => id !== LEADER),
    random,
  );
  return new Map(
    ids.map((id, at) => [
      id,
      new RaftCore({
        id,
        disk: ANY_DISK,
        config,
        electionRules: rules,
        configuration: configurationOf({ voters }),
        hardState: { term: TERM, votedFor: LEADER },
        compacted: ZERO_ENTRY,
        entries: logOf(SHORTEST_LOG + (logs === 'different' ? at : 0)),
        commit: asIndex(0),
        seed: random.nextUint32(),
        now: 0,
      }),
    ]),
  );
}

const logOf = (length: number): readonly Entry[] =>
  Array.from({ length }, (_, at) => ({ index: asIndex(at + 1), term: TERM, kind: 'command', data: new Uint8Array(0) }));

function heartbeatTo(to: NodeId): RaftMessage {
  const known = asIndex(SHORTEST_LOG);
  return { type: 'append', from: LEADER, to, term: TERM, prev: { index: known, term: TERM }, entries: [], commit: known, round: 0 };
}

/** The first of those with the least value. */
function earliest<T>(of: readonly T[], measure: (each: T) => number): T | undefined {
  let [first, least]: [T | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const each of of) {
    const value = measure(each);
    if (value < least) [first, least] = [each, value];
  }
  return first;
}

/** Fisher and Yates. */
function shuffled<T>(all: readonly T[], random: SeededRandom): readonly T[] {
  const rest = [...all];
  const drawn: T[] = [];
  while (rest.length > 0) drawn.push(...rest.splice(Math.floor(random.nextUnit() * rest.length), 1));
  return drawn;
}
