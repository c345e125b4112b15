import type { RaftMessage } from '../../../src/raft/message.ts';
import type { MessageKind } from './format.ts';
import { kindOf } from './format.ts';

/** Selects messages in flight; an omitted field matches any. */
export interface MessageChoice {
  readonly from: readonly number[] | undefined;
  readonly to: readonly number[] | undefined;
  readonly kind: MessageKind | undefined;
  /** At most this many, the oldest first. */
  readonly count: number | undefined;
}

const isChosen = ({ from, to, kind }: MessageChoice, message: RaftMessage): boolean =>
  (from?.includes(message.from) ?? true) && (to?.includes(message.to) ?? true) && (kind === undefined || kind === kindOf(message));

/** Messages in flight, oldest first, and the cut links. Nothing moves by itself. */
export class Links {
  #flights: RaftMessage[] = [];
  /** Not delivered until they are released. */
  #held: RaftMessage[] = [];
  readonly #cut = new Set<string>();

  get inFlight(): readonly RaftMessage[] {
    return this.#flights;
  }

  get held(): readonly RaftMessage[] {
    return this.#held;
  }

  /** @returns whether it is in flight; over a cut link it is lost. Messages sent before the cut still arrive. */
  send(message: RaftMessage): boolean {
    const isLost = this.#cut.has(`${message.from}>${message.to}`);
    if (!isLost) this.#flights.push(message);
    return !isLost;
  }

  find(choice: MessageChoice): RaftMessage[] {
    return this.#flights.filter((message) => isChosen(choice, message)).slice(0, choice.count);
  }

  /** Removes the chosen messages from the links. */
  take(choice: MessageChoice): RaftMessage[] {
    const taken = this.find(choice);
    this.#flights = without(this.#flights, taken);
    return taken;
  }

  /** Each chosen message will arrive once more, after everything that is in flight now. */
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

  /** The chosen held messages are in flight again, after all others. */
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
