/** An operation with its span. `returnedAt` is Infinity for one of unknown outcome, which may take effect at any later time or never. */
export interface Span {
  readonly invokedAt: number;
  readonly returnedAt: number;
  /** The same two as times in microseconds. */
  readonly invokedUs: number;
  readonly returnedUs: number;
}

/**
 * When a step must have happened: after every invocation of what was placed before and has a time of its own, and before the first return of
 * what was not placed yet.
 */
export interface Moment {
  readonly notBeforeUs: number;
  readonly returnedAt: number;
  readonly returnedUs: number;
}

/** A sequential object. States are immutable; an operation may have several outcomes, and the history does not show which one it had. */
export interface SequentialModel<State, Operation extends Span> {
  readonly initial: State;
  /**
   * Every state that the operation, with its result, may lead to, the likeliest first; none when it is impossible here.
   */
  step(state: State, operation: Operation, moment: Moment): readonly State[];
  /**
   * Whether what is placed behind the operation happened after its invocation. Commands have the times of their log entries, which ascend; an
   * entry that is committed behind a read may be older than the read. Default: every operation.
   */
  isTimed?(operation: Operation): boolean;
  /** Equal for states that no operation can distinguish. */
  keyOf(state: State): string;
}

export interface Linearization<State, Operation> {
  readonly result: 'ok' | 'violation' | 'unknown';
  /** States that were tried. */
  readonly steps: number;
  /** For a violation: the operation that cannot follow the longest order found, and the state after that order. */
  readonly stuckAt: { readonly operation: Operation; readonly state: State } | undefined;
}

/** The event of a call or of its return, in a list from which both are lifted once the operation is placed (Wing and Gong 1993). */
interface Entry {
  readonly operation: number;
  readonly isCall: boolean;
  previous: Entry | undefined;
  next: Entry | undefined;
  /** The return of a call that has one. */
  partner: Entry | undefined;
}

interface Choice<State> {
  readonly entry: Entry;
  readonly before: State;
  readonly successors: readonly State[];
  /** The latest invocation of all placed operations that have times of their own, including this one. */
  readonly notBeforeUs: number;
  at: number;
}

/**
 * Looks for an order of the operations that the model allows and that keeps every operation within its span (Herlihy and Wing 1990). The
 * search is Wing and Gong's with Lowe's cache of tried pairs (state and set of placed operations), as in Porcupine. Operations that never
 * returned need not be placed.
 * @param stepsMax states that are tried before the verdict is `unknown`: the problem is NP-complete.
 */
export function checkLinearizable<State, Operation extends Span>(
  operations: readonly Operation[],
  model: SequentialModel<State, Operation>,
  stepsMax = 1_000_000,
): Linearization<State, Operation> {
  return new Search(operations, model, stepsMax).run();
}

class Search<State, Operation extends Span> {
  readonly #operations: readonly Operation[];
  readonly #model: SequentialModel<State, Operation>;
  readonly #stepsMax: number;
  readonly #head: Entry = { operation: -1, isCall: true, previous: undefined, next: undefined, partner: undefined };
  readonly #placed: Uint16Array;
  readonly #tried = new Set<string>();
  readonly #choices: Choice<State>[] = [];
  #state: State;
  /** The call to try next; undefined when none is left. */
  #cursor: Entry | undefined;
  #unplacedReturns = 0;
  #steps = 0;
  #deepest = -1;
  #stuckAt: { readonly operation: Operation; readonly state: State } | undefined;

  constructor(operations: readonly Operation[], model: SequentialModel<State, Operation>, stepsMax: number) {
    this.#operations = operations;
    this.#model = model;
    this.#stepsMax = stepsMax;
    this.#state = model.initial;
    this.#placed = new Uint16Array(Math.ceil(operations.length / 16));
    this.#buildList();
  }

  run(): Linearization<State, Operation> {
    this.#cursor = this.#candidateAfter(undefined);
    while (this.#unplacedReturns > 0) {
      if (this.#steps >= this.#stepsMax) return { result: 'unknown', steps: this.#steps, stuckAt: undefined };
      if (this.#cursor !== undefined) {
        this.#cursor = this.#candidateAfter(this.#place(this.#cursor) ? undefined : this.#cursor);
        continue;
      }
      // An earlier choice was wrong: a call returned that is not placed.
      this.#noteStuck();
      if (!this.#backtrack()) return { result: 'violation', steps: this.#steps, stuckAt: this.#stuckAt };
    }
    return { result: 'ok', steps: this.#steps, stuckAt: undefined };
  }

  /**
   * The call to try after this one: all that began before the first unplaced return. Calls that never returned come last, since most are
   * not placed.
   * @param entry undefined for the first.
   */
  #candidateAfter(entry: Entry | undefined): Entry | undefined {
    const isReturning = entry === undefined || entry.partner !== undefined;
    let next = entry === undefined ? this.#head.next : entry.next;
    for (; next?.isCall; next = next.next) if ((next.partner !== undefined) === isReturning) return next;
    if (!isReturning) return undefined;
    for (next = this.#head.next; next?.isCall; next = next.next) if (next.partner === undefined) return next;
    return undefined;
  }

  #buildList(): void {
    const events: { readonly at: number; readonly entry: Entry }[] = [];
    this.#operations.forEach(({ invokedAt, returnedAt }, operation) => {
      const call: Entry = { operation, isCall: true, previous: undefined, next: undefined, partner: undefined };
      events.push({ at: invokedAt, entry: call });
      if (!Number.isFinite(returnedAt)) return;
      call.partner = { operation, isCall: false, previous: undefined, next: undefined, partner: undefined };
      events.push({ at: returnedAt, entry: call.partner });
      this.#unplacedReturns += 1;
    });
    events.sort((a, b) => a.at - b.at);
    let last = this.#head;
    for (const { entry } of events) {
      last.next = entry;
      entry.previous = last;
      last = entry;
    }
  }

  #momentOf(operation: Operation): Moment {
    const invokedUs = this.#model.isTimed?.(operation) === false ? 0 : operation.invokedUs;
    const first = this.#operations[this.#firstReturn()?.operation ?? -1];
    return {
      notBeforeUs: Math.max(invokedUs, this.#choices.at(-1)?.notBeforeUs ?? 0),
      returnedAt: first?.returnedAt ?? Number.POSITIVE_INFINITY,
      returnedUs: first?.returnedUs ?? Number.POSITIVE_INFINITY,
    };
  }

  /** The first return in the list; its call is still in the list too. */
  #firstReturn(): Entry | undefined {
    let entry = this.#head.next;
    while (entry?.isCall) entry = entry.next;
    return entry;
  }

  /** Places the call next in the order, if the model allows it and it was not tried. */
  #place(entry: Entry): boolean {
    const operation = this.#operations[entry.operation];
    if (operation === undefined) return false;
    const moment = this.#momentOf(operation);
    const successors = this.#model.step(this.#state, operation, moment);
    this.#steps += 1;
    return this.#choose({ entry, before: this.#state, successors, notBeforeUs: moment.notBeforeUs, at: 0 });
  }

  /** Moves to the first successor from `choice.at` on that leads to an untried state. */
  #choose(choice: Choice<State>): boolean {
    const { entry, successors } = choice;
    this.#setPlaced(entry.operation, true);
    const placed = String.fromCharCode(...this.#placed);
    for (; choice.at < successors.length; choice.at += 1) {
      const successor = successors[choice.at] as State;
      const key = `${placed}${this.#model.keyOf(successor)}`;
      if (this.#tried.has(key)) continue;
      this.#tried.add(key);
      this.#state = successor;
      this.#choices.push(choice);
      lift(entry);
      if (entry.partner !== undefined) {
        lift(entry.partner);
        this.#unplacedReturns -= 1;
      }
      return true;
    }
    this.#setPlaced(entry.operation, false);
    return false;
  }

  /** Reverts the last choice, and continues with another outcome or call. @returns false when there is none to revert. */
  #backtrack(): boolean {
    const choice = this.#choices.pop();
    if (choice === undefined) return false;
    const { entry, before } = choice;
    if (entry.partner !== undefined) {
      putBack(entry.partner);
      this.#unplacedReturns += 1;
    }
    putBack(entry);
    this.#state = before;
    this.#setPlaced(entry.operation, false);
    this.#steps += 1;
    choice.at += 1;
    this.#cursor = this.#candidateAfter(this.#choose(choice) ? undefined : entry);
    return true;
  }

  #noteStuck(): void {
    const entry = this.#firstReturn();
    const operation = entry === undefined ? undefined : this.#operations[entry.operation];
    if (operation === undefined || this.#choices.length <= this.#deepest) return;
    this.#deepest = this.#choices.length;
    this.#stuckAt = { operation, state: this.#state };
  }

  #setPlaced(operation: number, isPlaced: boolean): void {
    const word = operation >>> 4;
    const bit = 1 << (operation & 15);
    const before = this.#placed[word] ?? 0;
    this.#placed[word] = isPlaced ? before | bit : before & ~bit;
  }
}

function lift(entry: Entry): void {
  if (entry.previous !== undefined) entry.previous.next = entry.next;
  if (entry.next !== undefined) entry.next.previous = entry.previous;
}

/** Undoes {@link lift}; in the reverse order of the lifts. */
function putBack(entry: Entry): void {
  if (entry.previous !== undefined) entry.previous.next = entry;
  if (entry.next !== undefined) entry.next.previous = entry;
}
