import { setTimeout as sleep } from 'node:timers/promises';
import { indexToApply } from '../node/measurements.ts';
import type { NodeRuntime } from '../node/node-runtime.ts';
import type { HealthReply } from './metrics-server.ts';

/** How long a node may take to apply what its leader had committed when it was asked. */
const CATCH_UP_MS_MAX = 1_000;
const LOOK_EVERY_MS = 10;

/**
 * A node is ready if it leads or receives from a leader, and applies, within a second, what that leader had committed by its latest message when
 * it was asked; a leader, once it has committed an entry of its own term.
 * @param runtimeOf undefined while no node runs.
 */
export async function readinessOf(
  node: number,
  runtimeOf: () => Pick<NodeRuntime, 'view' | 'applied'> | undefined,
  withinMs = CATCH_UP_MS_MAX,
): Promise<HealthReply> {
  const notReady = (why: string): HealthReply => ({ isOk: false, text: `Node ${node} is not ready: ${why}` });
  const first = runtimeOf();
  if (first === undefined) return notReady('it does not take part in the cluster yet.');
  const target = indexToApply(first.view);
  if (target === undefined) return notReady(first.view.leader === undefined ? 'it receives from no leader.' : 'its leader has just begun.');
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const now = runtimeOf();
    if (now?.view.leader === undefined) return notReady('it receives from no leader.');
    if (now.applied >= target)
      return { isOk: true, text: `Node ${node} is ready: it has applied entry ${target}, and follows node ${now.view.leader}.` };
    if (performance.now() >= untilMs) return notReady(`it has applied entry ${now.applied}, and its leader had committed ${target}.`);
    await sleep(LOOK_EVERY_MS);
  }
}
