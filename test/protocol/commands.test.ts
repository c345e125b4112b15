import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, MalformedBytesError } from '../../src/base/bytes.ts';
import { COMMAND_NAMES, COMMANDS, type CommandName, rowOfCommand, SELECT_QUEUE_CODE } from '../../src/protocol/commands.ts';
import { InvalidOperationError } from '../../src/protocol/fields.ts';
import { POLICY_LAYOUTS, POLICY_NAMES } from '../../src/protocol/policy.ts';
import { decodeReply, REPLY_HEADER_BYTES } from '../../src/protocol/reply.ts';
import { HEADER_BYTES, RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { ANY_VERSION, OF_QUERIES, OperationReader } from '../../src/protocol/request-reader.ts';
import { RESULT_NAMES, RESULTS, readFields, rowOfResult } from '../../src/protocol/results.ts';
import { bytesOf, CLIENT, claimOptions, options, TestQueue } from '../queue/harness.ts';
import { commandsPage } from './commands-page.ts';

/** Codes are never used for anything else, also after their command or result is gone: change no line, and add new ones. */
const COMMAND_CODES: Readonly<Record<CommandName, number>> = {
  openSession: 3,
  add: 4,
  claim1: 5,
  extend: 6,
  complete: 7,
  fail: 8,
  release: 9,
  counts: 10,
  getJob: 11,
  retry1: 12,
  remove1: 13,
  claim: 14,
  begin: 15,
  retry: 16,
  remove: 17,
  releaseHolder: 18,
  heldJobs: 19,
  pause: 20,
  isPaused: 21,
  jobIds: 23,
  queueNames: 24,
  promote: 25,
  clean: 26,
  addWithId: 27,
  findJob: 28,
  changePriority: 29,
  changeDelay: 30,
  updateProgress: 31,
  updateData: 32,
  upsertScheduler: 36,
  removeScheduler: 37,
  advanceScheduler: 38,
  getScheduler: 39,
  schedulerIds: 40,
  setConcurrency: 50,
  concurrency: 51,
  setRateLimit: 52,
  rateLimit: 53,
  holdClaims: 54,
  rateLimitTtl: 55,
  claimLimited: 56,
  addDeduplicated: 70,
  getDeduplicationJob: 71,
  removeDeduplication: 72,
  subscribeEvents: 60,
  readEvents: 61,
  addFlow: 80,
  removeAlone: 81,
  removeUnprocessed: 82,
  removeDependency: 83,
  children: 84,
  parentOf: 85,
  stateCounts: 86,
  addLog: 90,
  clearLogs: 91,
  getLogs: 92,
  transact: 93,
};
const RESULT_CODES = {
  error: 0,
  added: 1,
  claimed1: 2,
  done: 3,
  counts: 4,
  job1: 5,
  opened: 6,
  claimed: 7,
  job: 8,
  held: 9,
  paused: 10,
  jobIds: 11,
  queueNames: 12,
  removed: 13,
  scheduler: 18,
  schedulerIds: 19,
  concurrency: 20,
  rateLimit: 21,
  rateLimitTtl: 22,
  deduplicated: 40,
  deduplicationJob: 41,
  deduplicationRemoved: 42,
  subscribed: 30,
  events: 31,
  flowAdded: 45,
  detached: 46,
  children: 47,
  parent: 48,
  stateCounts: 49,
  logged: 50,
  logs: 51,
  transacted: 52,
  transactionRejected: 53,
};
/** Of the queue, and of each layout of a policy. */
const SELECTION_CODES = [1, 2, 22, 73, 99];

describe('the table of commands', () => {
  it('gives each command and each result the code that it always had', () => {
    expect(Object.fromEntries(COMMAND_NAMES.map((name) => [name, COMMANDS[name].code]))).toEqual(COMMAND_CODES);
    expect(Object.fromEntries(RESULT_NAMES.map((name) => [name, RESULTS[name].code]))).toEqual(RESULT_CODES);
    expect([SELECT_QUEUE_CODE, ...POLICY_LAYOUTS.map(({ code }) => code)]).toEqual(SELECTION_CODES);
  });

  it('gives no code twice', () => {
    const commands = COMMAND_NAMES.map((name) => COMMANDS[name].code);
    const results = RESULT_NAMES.map((name) => RESULTS[name].code);
    const selections = [SELECT_QUEUE_CODE, ...POLICY_LAYOUTS.map(({ code }) => code)];
    expect(new Set([...selections, ...commands]).size).toBe(selections.length + commands.length);
    expect(new Set(results).size).toBe(results.length);
  });

  it('has in each layout of a policy the fields of the one before, and in the last all of them', () => {
    const names = POLICY_LAYOUTS.map((layout) => layout.names);
    names.forEach((layout, at) => void expect(layout.slice(0, names[at - 1]?.length ?? 0)).toEqual(names[at - 1] ?? []));
    expect(names.at(-1)).toEqual(POLICY_NAMES);
  });

  it('has bytes of variable size only at the end of a command', () => {
    for (const name of COMMAND_NAMES)
      for (const { field } of rowOfCommand(name).fieldList.slice(0, -1)) expect(field.isVariable, name).toBe(false);
  });

  it('is what docs/commands.md shows', async () => {
    await expect(commandsPage()).toMatchFileSnapshot('../../docs/commands.md');
  });
});

/** What the row alone reads behind the code: its values, or the error. */
function readByRow(name: CommandName, bytes: Uint8Array): unknown {
  const from = new ByteReader(bytes);
  return outcomeOf(() => rowOfCommand(name).fieldList.map(({ field }) => field.read(from)));
}

function outcomeOf(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof InvalidOperationError) return error.message;
    if (error instanceof MalformedBytesError) return 'malformed';
    throw error;
  }
}

/** The same by the reader's own code for the command. */
function readByReader(name: CommandName, bytes: Uint8Array): unknown {
  const request = new RequestEncoder();
  request.begin(CLIENT, 1, 1);
  // Selects a queue and a policy.
  request.add('q', new Uint8Array(0), options());
  const to = new ByteWriter();
  to.raw(request.finish());
  to.u8(COMMANDS[name].code);
  const start = to.length;
  to.raw(bytes);
  const whole = to.copy();
  const reader = new ByteReader(whole, HEADER_BYTES);
  const operation = new OperationReader();
  operation.next(reader, ANY_VERSION);
  return outcomeOf(() => {
    operation.next(reader, COMMANDS[name].versions === undefined ? OF_QUERIES : ANY_VERSION);
    expect(reader.position - start).toBeLessThanOrEqual(bytes.length);
    const values = operation as unknown as Readonly<Record<string, unknown>>;
    return rowOfCommand(name).fieldList.map(({ name: field, field: { kind } }) => {
      if (kind === 'bytes') return whole.slice(operation.blobAt, operation.blobAt + operation.blobLength);
      if (kind === 'text') return new TextDecoder().decode(whole.slice(operation.blobAt, operation.blobAt + operation.blobLength));
      return values[field];
    });
  });
}

/** Values of a field, valid or not. */
const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 2 ** 21, 2 ** 21 + 1, 10_001, 2 ** 53, Number.NaN, 0.5),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
);

function anyValue(kind: string): fc.Arbitrary<unknown> {
  if (kind === 'number') return number;
  if (kind === 'boolean') return fc.boolean();
  return kind === 'text' ? fc.string({ maxLength: 20 }) : fc.uint8Array({ maxLength: 20 });
}

describe('the hand-tuned code', () => {
  it.each(COMMAND_NAMES)('of the reader reads %s as its row says, valid or not, whole or cut', (name) => {
    const { fieldList } = rowOfCommand(name);
    fc.assert(
      fc.property(fc.tuple(...fieldList.map(({ field }) => anyValue(field.kind))), fc.nat(60), (values, length) => {
        const to = new ByteWriter();
        fieldList.forEach(({ field }, at) => void field.write(to, values[at]));
        for (const bytes of [to.copy(), to.copy().subarray(0, length)]) {
          const [byRow, byReader] = [readByRow(name, bytes), readByReader(name, bytes)];
          const isFault = typeof byRow === 'string';
          // Which of several faults is found first does not matter.
          if (isFault) expect(typeof byReader).toBe('string');
          else expect(byReader).toEqual(byRow);
        }
      }),
    );
  });

  it('of the encoder writes add, claim and complete as their rows say', () => {
    const { delayMs, priority } = { delayMs: 5, priority: 7 };
    const payload = bytesOf('payload');
    const claim = claimOptions(16, 30_000, { beginMax: 4, waitMs: 10_000, stalledMax: 2, holder: 99 });
    const cases: readonly [CommandName, Readonly<Record<string, unknown>>, (to: RequestEncoder) => void][] = [
      ['add', { delayMs, priority, payload }, (to) => to.add('q', payload, options({ delayMs, priority }))],
      ['claim', { ...claim }, (to) => to.claim('q', claim)],
      ['complete', { jobId: 12, token: 34, payload }, (to) => to.complete(12, 34, payload)],
    ];
    for (const [name, values, write] of cases) {
      const request = new RequestEncoder();
      request.begin(CLIENT, 1, 1);
      write(request);
      const byRow = new ByteWriter();
      byRow.u8(COMMANDS[name].code);
      for (const { name: field, field: type } of rowOfCommand(name).fieldList) type.write(byRow, values[field]);
      expect(request.finish().slice(-byRow.length), name).toEqual(byRow.copy());
    }
  });

  it('of the reply writes and reads claimed as its row says', () => {
    const queue = new TestQueue();
    queue.send((to) => to.add('q', bytesOf('payload'), options({ attemptsMax: 5 })));
    const [reply] = queue.apply(queue.request((to) => to.claim('q', claimOptions(1, 1000, { beginMax: 0 }))));
    if (reply === undefined) throw new Error('no reply');
    const from = new ByteReader(reply, REPLY_HEADER_BYTES);
    expect([from.u8(), from.u32()]).toEqual([RESULTS.claimed.code, 1]);
    const byRow = readFields(from, rowOfResult('claimed').items ?? []);
    const [result] = decodeReply(reply).results;
    expect(result).toMatchObject({ type: 'claimed', jobs: [byRow] });
    expect(byRow.attemptsMax).toBe(5);
  });
});
