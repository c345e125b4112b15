import type { OperationResult } from '../protocol/reply.ts';
import { SESSION_ID_END } from '../protocol/request-encoder.ts';
import { STATE_BOUNDS } from '../queue/state-bounds.ts';
import { checkProperty } from './violation.ts';
import type { World } from './world.ts';

/** Clocks count less time than passes, by a little. */
const IDLE_SHARE_MIN = 0.9;

/** The session of a simulated client: one after the other, each with requests that are numbered from one on. */
export class SimSession {
  readonly #world: World;
  readonly #clientId: number;
  #id = 0;
  #isOpen = false;
  #openings = 0;
  #sequence = 0;
  /** When a request was sent that the session is known to have taken. */
  #usedMs = 0;

  constructor(world: World, clientId: number) {
    this.#world = world;
    this.#clientId = clientId;
  }

  /** The session's id, or the number that its opening is sent under. */
  get id(): number {
    return this.#id;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The next session begins: its opening has a number of its own. */
  begin(): void {
    this.#isOpen = false;
    this.#openings += 1;
    this.#id = SESSION_ID_END + this.#clientId * 1_000 + this.#openings;
    this.#sequence = 0;
  }

  /** In version 1 the opening's number is the session's id. */
  onOpened(result: OperationResult): void {
    const isOpened = result.ok && (result.type === 'opened' || result.type === 'done');
    checkProperty(isOpened, 'replies fit their requests', () => `an opening got ${JSON.stringify(result)}`);
    if (result.type === 'opened') {
      this.#id = result.client;
      this.#sequence = 0;
    }
    this.#isOpen = true;
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  /** A request in the session `id` was carried out that was first sent at `sentMs`. */
  onUsed(id: number, sentMs: number): void {
    if (id === this.#id) this.#usedMs = Math.max(this.#usedMs, sentMs);
  }

  /** A session ends since it was idle for long enough, or since it is the one used least recently when there are too many. */
  checkEnd(id: number): void {
    const { coverage, plan, schedule, sessions } = this.#world;
    const { sessionIdleMsMax, sessionRepliesMax, sessionReplyBytesMax } = { ...STATE_BOUNDS, ...plan.bounds };
    const end = sessions.endOf(id);
    const idleMs = schedule.nowMs - this.#usedMs;
    // Any reply may be the oldest of those that were not acknowledged.
    const isForgotten = this.#sequence > sessionRepliesMax || sessionReplyBytesMax < STATE_BOUNDS.sessionReplyBytesMax;
    coverage.add('session expired');
    if (end === 'idle') coverage.add('session ended since it was idle');
    else if (end === 'evicted') coverage.add('session evicted since there were too many');
    else coverage.add('request rejected since its reply was forgotten');
    // In version 1 time is that of the leaders' wall clocks.
    const isInTime = end !== 'idle' || idleMs > sessionIdleMsMax * IDLE_SHARE_MIN || plan.isVersionAsked;
    checkProperty(
      isInTime && (end !== undefined || isForgotten),
      'a session that is used stays',
      () => `client ${this.#clientId} used session ${id} ${Math.round(idleMs)} ms ago, and it is gone (${end ?? 'it should still exist'})`,
    );
  }
}
