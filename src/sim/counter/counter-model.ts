import { checkProperty } from '../violation.ts';

/** What the clients of a counter know: bounds of its value, and which values may still be returned. */
export class CounterModel {
  /** At least this much is in the counter: every acknowledged change, and every value that was read from a current state. */
  #least = 0;
  #acknowledged = 0;
  #sent = 0;
  /** The values behind acknowledged changes, and their amounts. */
  readonly #amounts = new Map<number, number>();
  #events = 0;

  /** Number of operations with an outcome. */
  get events(): number {
    return this.#events;
  }

  /** Number of acknowledged changes. */
  get changes(): number {
    return this.#amounts.size;
  }

  /** The least value that a read which begins now may return. */
  get acknowledged(): number {
    return this.#least;
  }

  /** The change may be executed from now on. */
  onSent(amount: number): void {
    this.#sent += amount;
  }

  /** @param value of the counter behind the change. */
  onChanged(amount: number, value: number): void {
    this.#events += 1;
    this.#acknowledged += amount;
    this.#least = Math.max(this.#least, value);
    checkProperty(!this.#amounts.has(value), 'a change is executed once', () => `two changes got the value ${value}`);
    this.#amounts.set(value, amount);
    this.#checkBounds(value, amount);
  }

  /** @param valueMin what the counter had when the read began. */
  onRead(consistency: string, value: number, valueMin: number): void {
    this.#events += 1;
    checkProperty(
      value >= valueMin,
      'a read sees what was acknowledged',
      () => `a ${consistency} read returns ${value}, and the counter had ${valueMin} before`,
    );
    if (consistency !== 'stale') this.#least = Math.max(this.#least, value);
    this.#checkBounds(value, 0);
  }

  /** At the end: no acknowledged change is lost, and none is executed twice. */
  checkValue(node: number, value: number): void {
    this.#checkBounds(value, this.#acknowledged);
    checkProperty(
      value >= this.#least,
      'an acknowledged change stays',
      () => `node ${node} has ${value}, and the counter had ${this.#least}`,
    );
    let before = 0;
    for (const [after, amount] of [...this.#amounts].sort(([one], [other]) => one - other)) {
      checkProperty(
        after - amount >= before,
        'a change is executed once',
        () => `a change of ${amount} leads to ${after}, and the one before to ${before}`,
      );
      before = after;
    }
  }

  #checkBounds(value: number, valueMin: number): void {
    checkProperty(
      value >= valueMin && value <= this.#sent,
      'the counter has what was acknowledged, and no more than was sent',
      () => `it has ${value}; at least ${valueMin} was acknowledged, ${this.#sent} was sent`,
    );
  }
}
