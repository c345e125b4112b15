import { asIndex } from '../../src/base/ids.ts';
import { RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { JobQueue } from '../../src/queue/job-queue.ts';
import { Version1Encoder } from '../../src/sim/version-1-encoder.ts';
import { CLIENT, entryData, OPENING, START_MS, Tables } from '../queue/harness.ts';

/** A state machine that executes everything by one version, with one client whose session is open, and its checkpoint. */
export class MachineOfVersion {
  readonly tables = new Tables();
  readonly machine: JobQueue;
  readonly #version: number;
  readonly #encoder: RequestEncoder;
  #index = 0;
  #sequence = 1;

  constructor(version: number, payloadInEntryBytes: number) {
    this.#version = version;
    this.#encoder = version === 1 ? new Version1Encoder() : new RequestEncoder();
    this.machine = new JobQueue({ readRecord: (kind, key) => this.tables.read(kind, key), payloadInEntryBytes });
    // The clients of version 1 choose their session ids themselves.
    this.#apply(this.request((to) => to.command('openSession', {}), 1, version === 1 ? CLIENT : OPENING));
  }

  request(build: (to: RequestEncoder) => void, sequence: number, client = CLIENT): Uint8Array {
    // The replies to the two requests before stay unacknowledged.
    this.#encoder.begin(client, sequence, Math.max(1, sequence - 2));
    build(this.#encoder);
    return this.#encoder.finish();
  }

  /** The client's next request, 10 ms later. @returns the reply. */
  send(build: (to: RequestEncoder) => void): Uint8Array {
    this.#sequence += 1;
    return this.#apply(this.request(build, this.#sequence));
  }

  /** A request of another client. @returns the reply. */
  sendAs(client: number, build: (to: RequestEncoder) => void): Uint8Array {
    return this.#apply(this.request(build, 1, client));
  }

  #apply(request: Uint8Array): Uint8Array {
    this.#index += 1;
    const nowMs = START_MS + 10 * this.#index;
    let reply: Uint8Array | undefined;
    const sink = {
      wants: () => true,
      reply: (_client: number, _sequence: number, bytes: Uint8Array): void => {
        reply = bytes;
      },
    };
    this.machine.apply(asIndex(this.#index), entryData({ version: this.#version, logMs: nowMs, wallMs: nowMs }, request), sink);
    this.machine.check();
    if (reply === undefined) throw new Error('no reply');
    return reply;
  }
}
