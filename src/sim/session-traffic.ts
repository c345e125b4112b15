import { SESSIONS_MAX } from '../queue/limits.ts';
import type { Plan } from './plan.ts';

/** What was sent in which session, and how many sessions were opened: whether one may have had to make room for the others. */
export class SessionTraffic {
  readonly #sessionsMax: number;
  /** The network makes copies of its own. */
  readonly #isCopying: boolean;
  readonly #openingsMs: number[] = [];
  /** When the latest request was sent in each session. */
  readonly #latestMs = new Map<number, number>();

  constructor({ bounds, network, faults }: Plan) {
    this.#sessionsMax = bounds.sessionsMax ?? SESSIONS_MAX;
    this.#isCopying = network.duplicateProbability > 0 || faults.some(({ type }) => type === 'replay' || type === 'second-reign');
  }

  /** Each copy of an opening opens a session of its own. */
  onOpening(nowMs: number): void {
    this.#openingsMs.push(nowMs);
  }

  onRequest(session: number, nowMs: number): void {
    this.#latestMs.set(session, nowMs);
  }

  /** Whether so many other sessions may have been heard of since then that the least recently used one was dropped. */
  mayBeDropped(session: number, sinceMs: number): boolean {
    if (this.#sessionsMax >= SESSIONS_MAX) return false;
    const opened = this.#openingsMs.filter((ms) => ms >= sinceMs).length;
    if (this.#isCopying) return opened > 0;
    const used = [...this.#latestMs].filter(([other, ms]) => other !== session && ms >= sinceMs).length;
    return opened + used >= this.#sessionsMax;
  }
}
