import type { ByteReader } from '../base/bytes.ts';
import { MalformedBytesError } from '../base/bytes.ts';
import type { Command } from './command.ts';
import {
  COMMAND_NAMES,
  COMMAND_OF_CODE,
  COMMANDS,
  type CommandRow,
  type FieldValues,
  rowOfCommand,
  SELECT_QUEUE_CODE,
} from './commands.ts';
import { readDeduplicationHead } from './deduplication.ts';
import { customId, InvalidOperationError } from './fields.ts';
import { DURATION_MS_MAX, PRIORITY_MAX, QUEUE_NAME_BYTES_MAX } from './limits.ts';
import { MACHINE_VERSION } from './machine-version.ts';
import { POLICY_LAYOUT_OF_CODE, type Policy, readPolicy } from './policy.ts';

/** Fields that are declared below, so that they are fast: those of the hand-tuned commands. */
type TunedField =
  | 'customId'
  | 'delayMs'
  | 'priority'
  | 'countMax'
  | 'beginMax'
  | 'leaseMs'
  | 'waitMs'
  | 'stalledMax'
  | 'holder'
  | 'jobId'
  | 'token'
  | 'scheduler'
  | 'deduplicationId';
type OtherFields = Omit<FieldValues, TunedField>;

/** Has a default of every other field that some command has; a reader gets a field of its own when it first reads it. */
const FieldDefaults = class {
  // The only cast: the loop below sets every field.
} as new () => OtherFields;
for (const name of COMMAND_NAMES)
  for (const { name: field, field: type } of rowOfCommand(name).fieldList)
    if (!type.isVariable) Object.assign(FieldDefaults.prototype, { [field]: type.kind === 'boolean' ? false : 0 });

/**
 * Reads the operations of one request after the other into its own fields, so that decoding allocates nothing. After
 * `next()` the fields of that operation are valid; the selected queue and policy stay until they are replaced.
 */
export class OperationReader extends FieldDefaults implements FieldValues {
  code = 0;
  /** The selected queue, or empty if none is. */
  queueName = '';
  /** The selected policy; the same object until another one is selected. */
  policy: Policy | undefined;
  delayMs = 0;
  priority = 0;
  countMax = 0;
  beginMax = 0;
  leaseMs = 0;
  waitMs = 0;
  stalledMax = 0;
  holder = 0;
  jobId = 0;
  token = 0;
  /** Of an add, the id that its client chose, empty if it did not; of `findJob`, the id that is sought. */
  customId = '';
  /** The id of the job scheduler that is removed or read. */
  scheduler = '';
  /** Of a deduplicated add; or that of the job that is sought or set free. */
  deduplicationId = '';
  /** Offset of `countMax` of a claim in the bytes that are read. */
  countAt = 0;
  /** Offset of the payload, result or reason in the bytes that are read. */
  blobAt = 0;
  blobLength = 0;

  /** Clears the selections of the request before. */
  begin(): void {
    this.queueName = '';
    this.policy = undefined;
  }

  /**
   * @param version of the state machine that executes the operation, ANY_VERSION or OF_QUERIES: it determines the valid codes.
   * @returns the row of the operation.
   * @throws {MalformedBytesError | InvalidOperationError} in which case the fields are not valid.
   */
  next(reader: ByteReader, version: number): CommandRow {
    let code = reader.u8();
    let row = COMMAND_OF_CODE[code];
    while (row === undefined) {
      this.#select(code, reader, version);
      code = reader.u8();
      row = COMMAND_OF_CODE[code];
    }
    this.code = code;
    if (!isKnownTo(version, row)) throw unknownCode(code, version);
    if (row.needs !== 'nothing' && this.queueName === '') throw new MalformedBytesError('an operation comes before its queue is selected');
    if (row.needs === 'policy' && this.policy === undefined) throw new MalformedBytesError('a job is added before its policy is given');
    switch (code) {
      case COMMANDS.add.code:
        this.#readAdd(reader, false);
        break;
      case COMMANDS.addWithId.code:
        this.#readAdd(reader, true);
        break;
      case COMMANDS.addDeduplicated.code:
        this.#readDeduplicatedAdd(reader);
        break;
      case COMMANDS.claim.code:
        this.#readClaim(reader);
        break;
      case COMMANDS.complete.code:
        this.#readComplete(reader);
        break;
      default:
        this.#readFields(row, reader);
    }
    return row;
  }

  #select(code: number, reader: ByteReader, version: number): void {
    if (code === SELECT_QUEUE_CODE) {
      this.#readQueue(reader);
      return;
    }
    const layout = POLICY_LAYOUT_OF_CODE[code];
    if (layout === undefined || !isKnownTo(version, layout)) throw unknownCode(code, version);
    this.policy = readPolicy(reader, layout);
  }

  #readQueue(reader: ByteReader): void {
    const before = reader.position;
    const name = reader.text();
    const bytes = reader.position - before - 4;
    if (bytes < 1 || bytes > QUEUE_NAME_BYTES_MAX || name.length === 0) {
      throw new InvalidOperationError(`A queue name has ${bytes} bytes. Use 1 to ${QUEUE_NAME_BYTES_MAX} bytes of UTF-8.`);
    }
    this.queueName = name;
  }

  #readAdd(reader: ByteReader, hasId: boolean): void {
    const { fields } = COMMANDS.add;
    const delayMs = reader.f64();
    if (!(delayMs >= 0 && delayMs <= DURATION_MS_MAX)) fields.delayMs.check(delayMs);
    const priority = reader.u32();
    if (priority > PRIORITY_MAX) fields.priority.check(priority);
    this.delayMs = delayMs;
    this.priority = priority;
    this.customId = '';
    if (hasId) this.#readIdAndBlob(reader);
    else this.#readBlob(reader);
  }

  /** The payload is what is behind the ids. */
  #readDeduplicatedAdd(reader: ByteReader): void {
    const { fields } = COMMANDS.addDeduplicated;
    this.delayMs = fields.delayMs.read(reader);
    this.priority = fields.priority.read(reader);
    this.ttlMs = fields.ttlMs.read(reader);
    this.isExtending = fields.isExtending.read(reader);
    this.isReplacing = fields.isReplacing.read(reader);
    this.keepsLast = fields.keepsLast.read(reader);
    const length = reader.u32();
    const start = reader.position;
    Object.assign(this, readDeduplicationHead(reader));
    this.blobLength = start + length - reader.position;
    if (this.blobLength < 0) throw new MalformedBytesError('the ids of a deduplicated add are longer than what they are a part of');
    this.blobAt = reader.skip(this.blobLength);
  }

  #readClaim(reader: ByteReader): void {
    const { fields } = COMMANDS.claim;
    this.countAt = reader.position;
    this.countMax = fields.countMax.read(reader);
    this.beginMax = reader.u32();
    this.leaseMs = fields.leaseMs.read(reader);
    this.waitMs = fields.waitMs.read(reader);
    this.stalledMax = fields.stalledMax.read(reader);
    this.holder = fields.holder.read(reader);
  }

  #readComplete(reader: ByteReader): void {
    const jobId = reader.f64();
    if (!(jobId >= 1 && Number.isSafeInteger(jobId))) COMMANDS.complete.fields.jobId.check(jobId);
    this.jobId = jobId;
    this.token = reader.f64();
    this.#readBlob(reader);
  }

  #readBlob(reader: ByteReader): void {
    this.blobLength = reader.u32();
    this.blobAt = reader.skip(this.blobLength);
  }

  /** The payload is what is behind the id. */
  #readIdAndBlob(reader: ByteReader): void {
    const length = reader.u32();
    const start = reader.position;
    this.customId = customId.read(reader);
    this.blobLength = start + length - reader.position;
    if (this.blobLength < 0) throw new MalformedBytesError('the custom id of a job is longer than what it is a part of');
    this.blobAt = reader.skip(this.blobLength);
  }

  /** By the row alone; a text is decoded only to reject what cannot be shown later. */
  #readFields(row: CommandRow, reader: ByteReader): void {
    this.countAt = reader.position;
    // That of the operation before would be named in an error, by the replicas that know it.
    this.jobId = 0;
    // The only cast: each name of a row is one of FieldValues.
    const values = this as unknown as Record<string, unknown>;
    for (const { name, field } of row.fieldList) {
      const at = reader.position;
      const value = field.read(reader);
      if (field.kind === 'text' && name === 'customId') this.customId = value as string;
      if (field.kind === 'text' && name === 'scheduler') this.scheduler = value as string;
      if (field.kind === 'text' && name === 'deduplicationId') this.deduplicationId = value as string;
      if (field.isVariable) {
        this.blobAt = at + field.bytes;
        this.blobLength = reader.position - this.blobAt;
      } else values[name] = value;
    }
  }
}

/** Any version. */
export const ANY_VERSION = 0;
/** Executed outside of the log, by the newest version: queries have operations of their own, which change nothing. */
export const OF_QUERIES = -1;

const unknownCode = (code: number, version: number): MalformedBytesError =>
  new MalformedBytesError(`operation of code ${code}, unknown to version ${version}`);

function isKnownTo(version: number, { versions }: Pick<Command, 'versions'>): boolean {
  if (versions === undefined) return version === OF_QUERIES;
  if (version === ANY_VERSION) return true;
  const executing = version === OF_QUERIES ? MACHINE_VERSION : version;
  return executing >= versions[0] && executing <= versions[1];
}
