import type { OperationResult } from '../protocol/reply.ts';
import { SESSION_ID_END } from '../protocol/request-encoder.ts';
import { STATE_BOUNDS } from '../queue/state-bounds.ts';
import type { SessionModel } from './session-model.ts';
import { checkProperty } from './violation.ts';
import type { World } from './world.ts';

/** Slow clocks count slightly less time than elapses. */
const IDLE_SHARE_MIN = 0.9;

/** The sessions of a simulated client, one after the other, each with requests that are numbered from 1 on. */
export class SimSession {
  readonly #world: World;
  readonly #clientId: number;
  readonly #sessions: SessionModel;
  #id = 0;
  #isOpen = false;
  #openings = 0;
  #sequence = 0;
  /** When the last request was sent that the session is known to have executed. */
  #usedMs = 0;

  constructor(world: World, clientId: number, sessions: SessionModel) {
    this.#sessions = sessions;
    this.#world = world;
    this.#clientId = clientId;
  }

  /** The session's id, or the number of its opening. */
  get id(): number {
    return this.#id;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Starts the next session; its opening has a new number. */
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

  /** A request of the session `id` that was first sent at `sentMs` was executed. */
  onUsed(id: number, sentMs: number): void {
    if (id === this.#id) this.#usedMs = Math.max(this.#usedMs, sentMs);
  }

  /** A session ends because it was idle for too long, or because it is the least recently used one of too many. */
  checkEnd(id: number): void {
    const { coverage, plan, schedule } = this.#world;
    const { sessionIdleMsMax, sessionRepliesMax, sessionReplyBytesMax } = { ...STATE_BOUNDS, ...plan.bounds };
    const end = this.#sessions.endOf(id);
    const idleMs = schedule.nowMs - this.#usedMs;
    // Any reply may be the oldest unacknowledged one.
    const isForgotten = this.#sequence > sessionRepliesMax || sessionReplyBytesMax < STATE_BOUNDS.sessionReplyBytesMax;
    coverage.add('session expired');
    if (end === 'idle') coverage.add('session ended since it was idle');
    else if (end === 'evicted') coverage.add('session evicted since there were too many');
    else coverage.add('request rejected since its reply was forgotten');
    // Version 1 uses the leaders' wall clocks.
    const isInTime = end !== 'idle' || idleMs > sessionIdleMsMax * IDLE_SHARE_MIN || plan.isVersionAsked;
    checkProperty(
      isInTime && (end !== undefined || isForgotten),
      'a session that is used stays',
      () => `client ${this.#clientId} used session ${id} ${Math.round(idleMs)} ms ago, and it is gone (${end ?? 'it should still exist'})`,
    );
  }
}
