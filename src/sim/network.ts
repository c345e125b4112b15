import type { Schedule } from '../base/schedule.ts';
import type { NetworkPlan } from './plan.ts';
import type { SimRandom } from './sim-random.ts';

/** Where frames may be reordered, some arrive very late: in another term, after another leader, after a restart. */
const LATE_PROBABILITY = 0.02;
const LATE_MS_MAX = 3_000;
/** How many frames to each node are kept for a replay. */
const REMEMBERED_MAX = 200;
const REPLAY_MS_MAX = 60;

/** Transports frames between nodes, and between clients and nodes, with the losses and delays of the plan. */
export class SimulatedNetwork {
  readonly #schedule: Schedule;
  readonly #plan: NetworkPlan;
  readonly #random: SimRandom;
  /** Cut links `from>to`, counted, since faults overlap. */
  readonly #cuts = new Map<string, number>();
  /** Closed channels: frames that were sent on an earlier one are lost. */
  readonly #generations = new Map<string, number>();
  readonly #lastArrival = new Map<string, number>();
  readonly #remembered = new Map<number, (() => void)[]>();
  isHealed = false;

  constructor(schedule: Schedule, plan: NetworkPlan, random: SimRandom) {
    this.#schedule = schedule;
    this.#plan = plan;
    this.#random = random;
  }

  cut(from: number, to: number): void {
    this.#cuts.set(`${from}>${to}`, (this.#cuts.get(`${from}>${to}`) ?? 0) + 1);
  }

  uncut(from: number, to: number): void {
    this.#cuts.set(`${from}>${to}`, Math.max(0, (this.#cuts.get(`${from}>${to}`) ?? 0) - 1));
  }

  heal(): void {
    this.#cuts.clear();
    this.#remembered.clear();
    this.isHealed = true;
  }

  /** Closes the channel between the two: frames in transit in both directions are lost. */
  closeChannel(one: number, other: number): void {
    for (const link of [`${one}>${other}`, `${other}>${one}`]) this.#generations.set(link, (this.#generations.get(link) ?? 0) + 1);
  }

  /** Delivers again all frames that were recently sent to a node, including lost ones. */
  replayTo(to: number): void {
    for (const deliver of this.#remembered.get(to) ?? [])
      this.#schedule.at(this.#schedule.nowMs + this.#random.between(0, REPLAY_MS_MAX), deliver);
  }

  /**
   * @param sentMs when it leaves; a node that is stuck in a write sends later than it began its turn.
   * @param isRepeatable whether it may arrive more than once.
   */
  sendBetweenNodes(from: number, to: number, sentMs: number, isRepeatable: boolean, deliver: () => void): void {
    const { dropProbability, isReordering } = this.#plan;
    const duplicateProbability = isRepeatable ? this.#plan.duplicateProbability : 0;
    if (!this.isHealed && isRepeatable) this.#remember(to, deliver);
    if (!this.isHealed && this.#random.withProbability(dropProbability)) return;
    const copies = !this.isHealed && this.#random.withProbability(duplicateProbability) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) this.#send(`${from}>${to}`, sentMs, isReordering && !this.isHealed, deliver);
  }

  sendToOrFromClient(link: string, sentMs: number, deliver: () => void): void {
    if (!this.isHealed && this.#random.withProbability(this.#plan.clientDropProbability)) return;
    this.#send(link, sentMs, false, deliver);
  }

  #remember(to: number, deliver: () => void): void {
    const remembered = this.#remembered.get(to) ?? [];
    this.#remembered.set(to, remembered);
    if (remembered.push(deliver) > REMEMBERED_MAX) remembered.shift();
  }

  #send(link: string, sentMs: number, isReordering: boolean, deliver: () => void): void {
    const [from, to] = this.#plan.delayMs;
    let arrivalMs = sentMs + this.#random.between(from, to);
    if (isReordering) {
      if (this.#random.withProbability(LATE_PROBABILITY)) arrivalMs += this.#random.between(0, LATE_MS_MAX);
    } else {
      arrivalMs = Math.max(arrivalMs, this.#lastArrival.get(link) ?? 0);
      this.#lastArrival.set(link, arrivalMs);
    }
    const generation = this.#generations.get(link) ?? 0;
    this.#schedule.at(arrivalMs, () => {
      if ((this.#cuts.get(link) ?? 0) > 0 || (this.#generations.get(link) ?? 0) !== generation) return;
      deliver();
    });
  }
}
