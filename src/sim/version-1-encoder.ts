import { ByteWriter } from '../base/bytes.ts';
import { type Arguments, COMMANDS, type CommandName, rowOfCommand, SELECT_QUEUE_CODE } from '../protocol/commands.ts';
import { type ClaimOptions, RequestEncoder } from '../protocol/request-encoder.ts';

/** Where a request counts its operations. */
const COUNT_AT = 24;

/**
 * Writes requests as clients of state-machine version 1 did. An operation whose layout has changed since then is the only one of its
 * request.
 */
export class Version1Encoder extends RequestEncoder {
  readonly #alone = new ByteWriter(256);

  override begin(client: number, sequence: number, acknowledgedBelow: number): void {
    super.begin(client, sequence, acknowledgedBelow);
    this.#alone.reset();
  }

  override claim(queue: string, { countMax, leaseMs, waitMs }: ClaimOptions): void {
    this.#alone.u8(SELECT_QUEUE_CODE);
    this.#alone.text(queue);
    this.#alone.u8(COMMANDS.claim1.code);
    this.#alone.u32(countMax);
    this.#alone.f64(leaseMs);
    this.#alone.f64(waitMs);
  }

  override command<Name extends Exclude<CommandName, 'add'>>(name: Name, args: Arguments<Name>): void {
    // Version 1 does not check the job's queue.
    if (name === 'retry' || name === 'remove') {
      const row = rowOfCommand(name === 'retry' ? 'retry1' : 'remove1');
      this.#alone.u8(row.code);
      for (const { name: field, field: type } of row.fieldList) type.write(this.#alone, (args as Readonly<Record<string, unknown>>)[field]);
    } else super.command(name, args);
  }

  override finish(): Uint8Array {
    const request = super.finish();
    if (this.#alone.length === 0) return request;
    const to = new ByteWriter(request.length + this.#alone.length);
    to.raw(request);
    to.raw(this.#alone.view());
    to.patchU32(COUNT_AT, 1);
    return to.copy();
  }
}
