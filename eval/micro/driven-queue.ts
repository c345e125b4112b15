import { ByteWriter } from '../../src/base/bytes.ts';
import { asIndex } from '../../src/base/ids.ts';
import { writeEntryHeader } from '../../src/protocol/entry-data.ts';
import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { type ClaimedJob, decodeReply } from '../../src/protocol/reply.ts';
import { ADD_DEFAULTS, RequestEncoder, SESSION_ID_END } from '../../src/protocol/request-encoder.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { PAYLOAD } from './micro-case.ts';

export const QUEUE = 'bench';
const CLIENT = 1;
const LEASE_MS = 30_000;
const FILL_BATCH = 1000;

/** A state machine with its client's session, driven by entries as by a log. No checkpoint is taken: all payloads are in memory. */
export class DrivenQueue {
  readonly #machine = new JobQueue({ readRecord: () => undefined });
  readonly #encoder = new RequestEncoder(FILL_BATCH * 128);
  readonly #entry = new ByteWriter(FILL_BATCH * 128);
  #sequence = 0;
  #index = 0;
  #reply = new Uint8Array(0);

  /** @param waiting number of waiting jobs at the start. */
  constructor(waiting: number) {
    this.apply(this.encode((encoder) => encoder.command('openSession', {})));
    for (let added = 0; added < waiting; added += FILL_BATCH) this.apply(this.adds(Math.min(FILL_BATCH, waiting - added)));
  }

  /** Of the last entry. */
  get reply(): Uint8Array {
    return this.#reply;
  }

  adds(count: number): Uint8Array {
    return this.encode((encoder) => {
      for (let job = 0; job < count; job += 1) encoder.add(QUEUE, PAYLOAD, ADD_DEFAULTS);
    });
  }

  claims(count: number): Uint8Array {
    return this.encode((encoder) =>
      encoder.claim(QUEUE, { countMax: count, beginMax: count, leaseMs: LEASE_MS, waitMs: 0, stalledMax: 1, holder: 0 }),
    );
  }

  completions(jobs: readonly ClaimedJob[]): Uint8Array {
    const nothing = new Uint8Array(0);
    return this.encode((encoder) => {
      for (const { id, token } of jobs) encoder.complete(id, token, nothing);
    });
  }

  /** The jobs that the last entry claimed. @throws when it claimed another number. */
  claimed(count: number): readonly ClaimedJob[] {
    const [result] = decodeReply(this.#reply).results;
    if (!result?.ok || result.type !== 'claimed' || result.jobs.length !== count) throw new Error(`${count} jobs were to be claimed`);
    return result.jobs;
  }

  /** One request as one log entry, which must be applied before the next is encoded. */
  encode(fill: (encoder: RequestEncoder) => void): Uint8Array {
    this.#sequence += 1;
    // The machine assigns the session its id.
    this.#encoder.begin(this.#sequence === 1 ? SESSION_ID_END : CLIENT, this.#sequence, this.#sequence);
    fill(this.#encoder);
    const request = this.#encoder.finish();
    this.#entry.reset();
    const nowMs = this.#index + 1;
    writeEntryHeader(this.#entry, { version: MACHINE_VERSION, logMs: nowMs, wallMs: nowMs, isFirstOfTerm: false });
    this.#entry.blob(request);
    return this.#entry.copy();
  }

  apply(entry: Uint8Array): void {
    this.#index += 1;
    this.#machine.apply(asIndex(this.#index), entry, {
      wants: () => true,
      reply: (_client, _sequence, bytes) => {
        this.#reply = new Uint8Array(bytes);
      },
    });
  }
}
