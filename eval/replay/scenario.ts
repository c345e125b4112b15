import type { Settings } from './settings.ts';
import type { Workload } from './workload.ts';

export type ScenarioId = 'low' | 'high' | 'payload' | 'payload-sweep' | 'payload-latency' | 'payload-steady';
/** Which of the repetition counts of the settings applies. */
export type RunKind = 'fast' | 'paced' | 'sweep' | 'latency' | 'steady';

/** A scenario is declared by its question. */
export interface Scenario {
  readonly id: ScenarioId;
  readonly question: string;
  readonly cases: readonly ScenarioCase[];
}

export interface ScenarioCase {
  readonly kind: RunKind;
  readonly workload: Workload;
}

export const QUESTIONS: Readonly<Record<ScenarioId, string>> = {
  low: 'How does the cluster take a short series of messages?',
  high: 'Does it keep its pace over a long series?',
  payload: 'What do larger payloads cost, and does the case finish that the original could not?',
  'payload-sweep': 'How much can it take, from 4 B to 1 MiB a message?',
  'payload-steady': 'How much can a warm cluster take, by payload size?',
  'payload-latency': 'How long does one message wait for its acknowledgement, by payload size?',
};

export type Selection = 'all' | 'low' | 'high' | 'payload';

/**
 * The scenarios a command measures, each fast and, when asked, paced. All of them without the pacing are the two minutes of a new user:
 * the sizes as fast as possible and the latencies at a low rate are left out then, unless they are to be published.
 */
export function scenariosFor(
  selection: Selection,
  settings: Settings,
  options: { readonly paced: boolean; readonly isPublished?: boolean },
): readonly Scenario[] {
  const named = (['low', 'high', 'payload'] as const).filter((id) => selection === 'all' || selection === id);
  // The short series is paced in any case, when all is measured: the first command that a new user runs answers the first claim.
  const isPaced = (id: ScenarioId): boolean => options.paced || (selection === 'all' && id === 'low');
  const scenarios: Scenario[] = named.map((id) => replay(id, settings, isPaced(id)));
  const isShort = selection === 'all' && !options.paced && options.isPublished !== true;
  if (named.includes('payload')) scenarios.push(...(isShort ? [] : [sweep(settings), latency(settings)]), steady(settings));
  return scenarios;
}

function replay(id: 'low' | 'high' | 'payload', settings: Settings, paced: boolean): Scenario {
  const cases = settings.scenarios[id];
  const fastCases = cases.map((size): ScenarioCase => ({ kind: 'fast', workload: closedLoop(settings, size.messages, size.payloadBytes) }));
  const pacedCases = cases.map((size): ScenarioCase => ({ kind: 'paced', workload: { model: 'paced', ...settings.pacing, ...size } }));
  return { id, question: QUESTIONS[id], cases: paced ? [...pacedCases, ...fastCases] : fastCases };
}

function sweep(settings: Settings): Scenario {
  const { messagesMax, messagesMin, bytesMax } = settings.sweep;
  const cases = settings.sweep.payloadBytes.map((payloadBytes): ScenarioCase => {
    const messages = Math.max(messagesMin, Math.min(messagesMax, Math.floor(bytesMax / payloadBytes)));
    return { kind: 'sweep', workload: closedLoop(settings, messages, payloadBytes) };
  });
  return { id: 'payload-sweep', question: QUESTIONS['payload-sweep'], cases };
}

function latency(settings: Settings): Scenario {
  const { messages, ratePerSecond, bytesPerSecondMax, durationMsMax } = settings.latency;
  const cases = settings.latency.payloadBytes.map((payloadBytes): ScenarioCase => {
    const rate = Math.min(ratePerSecond, bytesPerSecondMax / payloadBytes);
    const count = Math.max(1, Math.min(messages, Math.round((rate * durationMsMax) / 1000)));
    return { kind: 'latency', workload: { model: 'open-loop', ratePerSecond: rate, messages: count, payloadBytes } };
  });
  return { id: 'payload-latency', question: QUESTIONS['payload-latency'], cases };
}

function steady(settings: Settings): Scenario {
  const cases = settings.steady.payloadBytes.map((payloadBytes): ScenarioCase => {
    const workload: Workload = { model: 'steady', inFlightMax: inFlightOf(settings, payloadBytes), messages: 0, payloadBytes };
    return { kind: 'steady', workload };
  });
  return { id: 'payload-steady', question: QUESTIONS['payload-steady'], cases };
}

const closedLoop = (settings: Settings, messages: number, payloadBytes: number): Workload => ({
  model: 'closed-loop',
  inFlightMax: inFlightOf(settings, payloadBytes),
  messages,
  payloadBytes,
});

function inFlightOf({ producer: { inFlightMax, inFlightBytesMax } }: Settings, payloadBytes: number): number {
  return Math.max(1, Math.min(inFlightMax, Math.floor(inFlightBytesMax / payloadBytes)));
}
