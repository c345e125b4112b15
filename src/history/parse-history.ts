import { FUNCTIONS } from './functions.ts';
import { EVENT_TYPES, type HistoryEvent, type Json } from './history.ts';

/** The text is not a history. The message names the line and what it holds. */
export class HistoryFormatError extends Error {
  readonly code = 'HISTORY_FORMAT';
  /** From 1 on. */
  readonly line: number;

  constructor(line: number, what: string) {
    super(`Line ${line} of the history: ${what}`);
    this.name = 'HistoryFormatError';
    this.line = line;
  }
}

export interface ParseOptions {
  /**
   * Handling of a last line without its end: `reject` it, or `drop` it as torn by a kill. Default `reject`.
   */
  readonly tornTail?: 'reject' | 'drop';
}

/**
 * Reads NDJSON, one event a line; empty lines are skipped.
 * @throws {HistoryFormatError} also for events that contradict each other: an index that does not grow, time that goes back, a reply
 * without a call, or a process that calls before it has its reply.
 */
export function parseHistory(text: string, { tornTail = 'reject' }: ParseOptions = {}): HistoryEvent[] {
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  if (last !== '' && tornTail === 'reject')
    throw new HistoryFormatError(lines.length + 1, 'it has no end. Read it with tornTail "drop" if its writer was killed.');
  const events: HistoryEvent[] = [];
  const order = new EventOrder();
  lines.forEach((line, at) => {
    if (line.trim() === '') return;
    const event = parseEvent(line, at + 1);
    order.check(event, at + 1);
    events.push(event);
  });
  return events;
}

/** Checks an event against those before it. */
class EventOrder {
  #index = Number.NEGATIVE_INFINITY;
  #time = Number.NEGATIVE_INFINITY;
  readonly #calls = new Map<number, string>();
  readonly #lost = new Set<number>();

  check({ process, type, f, time, index }: HistoryEvent, line: number): void {
    if (index <= this.#index) throw new HistoryFormatError(line, `index ${index} follows index ${this.#index}. Indexes must grow.`);
    if (time < this.#time) throw new HistoryFormatError(line, `time ${time} follows time ${this.#time}. Use one monotonic clock.`);
    this.#index = index;
    this.#time = time;
    const call = this.#calls.get(process);
    if (type === 'invoke') {
      if (this.#lost.has(process)) throw new HistoryFormatError(line, `process ${process} goes on after an "info". Give it a new number.`);
      if (call !== undefined) throw new HistoryFormatError(line, `process ${process} calls ${f} while its ${call} is open.`);
      this.#calls.set(process, f);
      return;
    }
    if (call !== f) throw new HistoryFormatError(line, `process ${process} gets a reply to ${f}, but its open call is ${call ?? 'none'}.`);
    this.#calls.delete(process);
    if (type === 'info') this.#lost.add(process);
  }
}

function parseEvent(text: string, line: number): HistoryEvent {
  const fields = parseObject(text, line);
  const { process, type, f, value, time, index } = fields;
  const isKnown = <T extends string>(names: readonly T[], name: unknown): name is T => names.some((known) => known === name);
  if (!isKnown(EVENT_TYPES, type)) throw new HistoryFormatError(line, `type is ${show(type)}. Use one of ${EVENT_TYPES.join(', ')}.`);
  if (!isKnown(FUNCTIONS, f)) throw new HistoryFormatError(line, `f is ${show(f)}. Use one of ${FUNCTIONS.join(', ')}.`);
  return {
    process: parseInteger(process, 'process', line),
    type,
    f,
    // The only cast: JSON.parse returns JSON.
    value: (value ?? null) as Json,
    time: parseInteger(time, 'time', line),
    index: parseInteger(index, 'index', line),
  };
}

function parseObject(text: string, line: number): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new HistoryFormatError(line, `no JSON: ${show(text)}.`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new HistoryFormatError(line, `no object: ${show(text)}.`);
  return { ...parsed };
}

function parseInteger(value: unknown, name: string, line: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new HistoryFormatError(line, `${name} is ${show(value)}. Give a whole number.`);
}

const SHOWN_MAX = 60;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}
