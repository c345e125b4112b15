import { describe, expect, it } from 'vitest';
import { asIndex, asTerm } from '../../src/base/ids.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { RequestEncoder, SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { SessionModel } from '../../src/sim/session-model.ts';
import { SimRandom } from '../../src/sim/sim-random.ts';
import { entryData } from '../queue/harness.ts';

const BOUNDS = { sessionsMax: 3, sessionIdleMsMax: 1_000 };
const TERM = asTerm(1);

/** A state machine and the model, which are given the same entries. */
class Setting {
  readonly model = new SessionModel(BOUNDS);
  readonly #machine = new JobQueue({ readRecord: () => undefined, bounds: BOUNDS });
  readonly #encoder = new RequestEncoder();
  #index = 0;
  #nowMs = 0;

  /** @returns the session's id. */
  open(): number {
    const [result] = this.#apply(SESSION_ID_END + this.#index, 1, (to) => to.command('openSession', {}));
    if (result?.ok !== true || result.type !== 'opened') throw new Error('an opening is not answered');
    return result.client;
  }

  /** @returns whether the session is rejected. */
  isRejected(client: number): boolean {
    const [result] = this.#apply(client, 1, (to) => to.command('counts', { queue: 'q' }));
    return result?.ok === false && result.code === 'SESSION_EXPIRED';
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  #apply(client: number, sequence: number, write: (to: RequestEncoder) => void) {
    this.#encoder.begin(client, sequence, 1);
    write(this.#encoder);
    this.#index += 1;
    const entry = {
      index: asIndex(this.#index),
      term: TERM,
      kind: 'command',
      data: entryData(this.#nowMs, this.#encoder.finish()),
    } as const;
    const replies: Uint8Array[] = [];
    this.#machine.apply(entry.index, entry.data, { wants: () => true, reply: (_client, _sequence, bytes) => void replies.push(bytes) });
    this.model.onWritten([entry]);
    this.model.onCommitted(entry);
    return replies.flatMap((reply) => decodeReply(reply).results);
  }
}

describe('the model of sessions', () => {
  it('evicts the session used least recently, also for late copies of openings', () => {
    const setting = new Setting();
    const [first, second, third] = [setting.open(), setting.open(), setting.open()];
    expect(setting.isRejected(first)).toBe(false);
    setting.open();
    expect([first, second, third].map((session) => setting.model.endOf(session))).toEqual([undefined, 'evicted', undefined]);
    setting.open();
    expect([first, third].map((session) => setting.model.endOf(session))).toEqual([undefined, 'evicted']);
  });

  it('ends a session without a request for too long', () => {
    const setting = new Setting();
    const session = setting.open();
    setting.pass(999);
    expect(setting.isRejected(session)).toBe(false);
    setting.pass(1_000);
    expect(setting.isRejected(session)).toBe(true);
    expect(setting.model.endOf(session)).toBe('idle');
  });

  it.each([1, 2, 3, 4, 5])('knows which sessions the state machine rejects (seed %i)', (seed) => {
    const random = new SimRandom(seed);
    const setting = new Setting();
    const sessions = [setting.open()];
    let rejected = 0;
    for (let step = 0; step < 500; step += 1) {
      setting.pass(random.of([0, 10, 300]));
      if (random.withProbability(0.2)) sessions.push(setting.open());
      const session = random.of([sessions[0] ?? 0, ...sessions.slice(-6)]);
      const isRejected = setting.isRejected(session);
      expect(setting.model.endOf(session) !== undefined).toBe(isRejected);
      if (isRejected) rejected += 1;
    }
    expect(rejected).toBeGreaterThan(20);
    expect(rejected).toBeLessThan(480);
  });
});
