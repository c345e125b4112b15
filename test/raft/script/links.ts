import type { RaftMessage } from '../../../src/raft/message.ts';
import type { MessageKind } from './format.ts';
import { kindOf } from './format.ts';

/** Which of the messages on their way a command means; what is left out means any. */
export interface MessageChoice {
  readonly from: readonly number[] | undefined;
  readonly to: readonly number[] | undefined;
  readonly kind: MessageKind | undefined;
  /** So many, the oldest first. */
  readonly count: number | undefined;
}

const isChosen = ({ from, to, kind }: MessageChoice, message: RaftMessage): boolean =>
  (from?.includes(message.from) ?? true) && (to?.includes(message.to) ?? true) && (kind === undefined || kind === kindOf(message));

/** Messages on their way, oldest first, and the links that carry nothing. Nothing moves by itself. */
export class Links {
  #flights: RaftMessage[] = [];
  /** Out of the reach of deliveries until they are released. */
  #held: RaftMessage[] = [];
  readonly #cut = new Set<string>();

  get inFlight(): readonly RaftMessage[] {
    return this.#flights;
  }

  get held(): readonly RaftMessage[] {
    return this.#held;
  }

  /** @returns whether it is on its way; over a cut link it is lost. What left before the cut still arrives. */
  send(message: RaftMessage): boolean {
    const isLost = this.#cut.has(`${message.from}>${message.to}`);
    if (!isLost) this.#flights.push(message);
    return !isLost;
  }

  find(choice: MessageChoice): RaftMessage[] {
    return this.#flights.filter((message) => isChosen(choice, message)).slice(0, choice.count);
  }

  /** Takes the chosen ones off the links. */
  take(choice: MessageChoice): RaftMessage[] {
    const taken = this.find(choice);
    this.#flights = without(this.#flights, taken);
    return taken;
  }

  /** Each of the chosen ones will arrive once more, behind everything that is on its way now. */
  duplicate(choice: MessageChoice): RaftMessage[] {
    const copies = this.find(choice).map((message) => ({ ...message }));
    this.#flights.push(...copies);
    return copies;
  }

  hold(choice: MessageChoice): RaftMessage[] {
    const taken = this.take(choice);
    this.#held.push(...taken);
    return taken;
  }

  /** The chosen ones among those held are on their way again, behind all others. */
  release(choice: MessageChoice): RaftMessage[] {
    const released = this.#held.filter((message) => isChosen(choice, message)).slice(0, choice.count);
    this.#held = without(this.#held, released);
    this.#flights.push(...released);
    return released;
  }

  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  heal(): void {
    this.#cut.clear();
  }
}

const without = (messages: readonly RaftMessage[], gone: readonly RaftMessage[]): RaftMessage[] =>
  messages.filter((message) => !gone.includes(message));
