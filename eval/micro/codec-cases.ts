import { MACHINE_VERSION } from '../../src/protocol/machine-version.ts';
import { decodeReply } from '../../src/protocol/reply.ts';
import { ADD_DEFAULTS, RequestEncoder } from '../../src/protocol/request-encoder.ts';
import { validateRequest } from '../../src/protocol/validate-request.ts';
import { DrivenQueue, QUEUE } from './driven-queue.ts';
import { type MicroCase, PAYLOAD } from './micro-case.ts';

const PAYLOAD_BYTES_MAX = 4 * 1024 * 1024;

/**
 * A request of adds: encoded by the client, checked by the leader, and its reply decoded by the client; by its number of adds.
 */
export function codecCases(addCounts: readonly number[]): MicroCase[] {
  return addCounts.flatMap((count) => {
    const shared = { operations: count, operation: 'one add, to and from bytes', size: count, sizeOf: 'adds in a request' };
    const encoder = new RequestEncoder(count * 128);
    const encode = (): Uint8Array => {
      encoder.begin(1, 1, 1);
      for (let job = 0; job < count; job += 1) encoder.add(QUEUE, PAYLOAD, ADD_DEFAULTS);
      return encoder.finish();
    };
    const request = encode();
    const queue = new DrivenQueue(0);
    queue.apply(queue.adds(count));
    const { reply } = queue;
    return [
      { ...shared, name: 'encode', run: () => void encode() },
      {
        ...shared,
        name: 'check',
        run: () => {
          if (validateRequest(request, { payloadBytesMax: PAYLOAD_BYTES_MAX }, MACHINE_VERSION) !== undefined)
            throw new Error('the request is sound');
        },
      },
      { ...shared, name: 'decode reply', run: () => void decodeReply(reply) },
    ];
  });
}
