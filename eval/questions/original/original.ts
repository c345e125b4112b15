import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { withQueue } from '../../bench/bench-cluster.ts';
import { systemClock } from '../../measuring/clock.ts';
import { count, optionalNumber } from '../cells.ts';
import type { Question, QuestionStep, StepContext } from '../question.ts';
import { buildTests, runTest } from './go-test.ts';

const row = z.object({
  system: z.enum(['original', 'jobraft']),
  messages: count,
  payload_bytes: count,
  /** The start and the end of the cluster included, as the original counts. Empty for a test that did not end. */
  wall_ms: optionalNumber,
  completed: count,
});
export type OriginalRow = z.infer<typeof row>;

/** What the report reads; {@link originalQuestion} measures it. */
export const ORIGINAL = { id: 'original', asks: 'Is it as good as the original, on the same machine?', row } as const;

/** The original's loop: an integer of 4 bytes or a text is sent, its reply awaited, and so on; then it rests. */
const PAUSE_MS = 100;
const SETTLE_MS = 500;

/** One of the original's own tests. */
interface Scenario {
  readonly test: string;
  readonly messages: number;
  readonly payloadBytes: number;
}

const SCENARIOS: readonly Scenario[] = [
  { test: 'TestEval_MessageCountLow', messages: 100, payloadBytes: 4 },
  { test: 'TestEval_PayLoadSmall', messages: 500, payloadBytes: 4 },
  { test: 'TestEval_PayLoadLarge', messages: 500, payloadBytes: 50 },
  { test: 'TestEval_MessageCountHigh', messages: 2000, payloadBytes: 4 },
];
const EXPECTED_REPLY_MS = 20;

/** The scenarios that the original's repository holds, on it and on this system in turn. @param checkout folder of the original. */
export function originalQuestion(checkout: string): Question<OriginalRow> {
  return { ...ORIGINAL, rounds: 1, steps: SCENARIOS.flatMap((scenario) => [originalStep(scenario, checkout), ownStep(scenario)]) };
}

const expectedMsOf = ({ messages }: Scenario): number => messages * (PAUSE_MS + EXPECTED_REPLY_MS) + SETTLE_MS;

function originalStep(scenario: Scenario, checkout: string): QuestionStep<OriginalRow> {
  const { test, messages, payloadBytes } = scenario;
  return {
    name: `original ${test}`,
    expectedMs: expectedMsOf(scenario),
    measure: async ({ dataDir, signal }) => {
      mkdirSync(dataDir, { recursive: true });
      const binary = join(dataDir, 'original.test');
      await buildTests(checkout, binary, signal);
      const { isPassed, wallMs } = await runTest(binary, test, dataDir, signal);
      return [
        { system: 'original', messages, payload_bytes: payloadBytes, wall_ms: isPassed ? wallMs : null, completed: isPassed ? 1 : 0 },
      ];
    },
  };
}

function ownStep(scenario: Scenario): QuestionStep<OriginalRow> {
  const { messages, payloadBytes } = scenario;
  return {
    name: `jobraft ${messages} × ${payloadBytes} B`,
    expectedMs: expectedMsOf(scenario),
    measure: async (context) => {
      const startMs = systemClock.nowMs();
      await replay(scenario, context);
      const wallMs = systemClock.nowMs() - startMs;
      return [{ system: 'jobraft', messages, payload_bytes: payloadBytes, wall_ms: wallMs, completed: 1 }];
    },
  };
}

/** The same loop, with the start and the close of the cluster. */
const replay = ({ messages, payloadBytes }: Scenario, context: StepContext<OriginalRow>): Promise<void> =>
  withQueue({ ...context, medianOf: () => undefined }, async ({ queue }) => {
    const payload = new Uint8Array(payloadBytes);
    for (let sent = 0; sent < messages && !context.signal.aborted; sent += 1) {
      await queue.add('message', payload);
      await systemClock.waitUntil(systemClock.nowMs() + PAUSE_MS, context.signal);
    }
    await systemClock.waitUntil(systemClock.nowMs() + SETTLE_MS, context.signal);
  });
