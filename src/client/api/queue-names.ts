import type { ReadConsistency } from '../../protocol/client-frame.ts';
import type { OperationResult } from '../../protocol/reply.ts';
import type { Dispatcher } from '../delivery/dispatcher.ts';
import { unexpectedResult } from '../result-errors.ts';

/** Names in one request; a node returns fewer if they are long. */
const NAMES_PER_REQUEST = 10_000;

/** The names of all queues, page by page. No snapshot: see Client.queues. @throws {DeadlineError | NoLeaderError | ClientClosedError} */
export async function queueNames(dispatcher: Dispatcher, consistency: ReadConsistency): Promise<string[]> {
  // A queue that is dropped and added again meanwhile is in two pages.
  const names = new Set<string>();
  for (let after = 0; ; ) {
    const page = await namesBehind(dispatcher, consistency, after);
    for (const name of page.names) names.add(name);
    if (page.isOver) return [...names];
    after = page.last;
  }
}

async function namesBehind(dispatcher: Dispatcher, consistency: ReadConsistency, after: number) {
  const result = await new Promise<OperationResult>((resolve, reject) => {
    const call = { onResult: resolve, onError: reject };
    dispatcher.query(consistency, (encoder) => encoder.command('queueNames', { after, countMax: NAMES_PER_REQUEST }), call);
  });
  if (result.ok && result.type === 'queueNames') return result;
  throw unexpectedResult(result);
}
