import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../measuring/package-root.ts';
import { messageOf, UserError } from '../measuring/user-error.ts';

const positive = z.int().min(1);
const milliseconds = z.number().min(0);

const caseSchema = z.strictObject({ messages: positive, payloadBytes: z.int().min(4) });
const sizesSchema = z.array(z.int().min(4)).min(1);

const repetitionsSchema = z.strictObject({ fast: positive, sweep: positive, latency: positive, steady: positive, paced: positive });

const publishedRowSchema = z.strictObject({
  messages: positive,
  payloadBytes: positive,
  wallMs: z.number().positive(),
  perSecond: z.number().positive(),
  finished: z.boolean(),
});

const settingsSchema = z.strictObject({
  pacing: z.strictObject({ delayMs: z.number().positive(), settleMs: milliseconds }),
  scenarios: z.strictObject({ low: z.array(caseSchema).min(1), high: z.array(caseSchema).min(1), payload: z.array(caseSchema).min(1) }),
  sweep: z.strictObject({ payloadBytes: sizesSchema, messagesMax: positive, messagesMin: positive, bytesMax: positive }),
  latency: z.strictObject({
    payloadBytes: sizesSchema,
    messages: positive,
    ratePerSecond: z.number().positive(),
    bytesPerSecondMax: positive,
    durationMsMax: positive,
  }),
  steady: z.strictObject({ payloadBytes: sizesSchema }),
  warmUp: z.strictObject({ messages: z.int().min(0), bytesMax: positive, inFlightMax: positive }),
  producer: z.strictObject({ inFlightMax: positive, inFlightBytesMax: positive }),
  consumer: z.strictObject({ concurrency: positive }),
  cluster: z.strictObject({ nodes: z.int().min(1).max(13), durability: z.enum(['full', 'off']) }),
  repetitions: repetitionsSchema,
  publishedRepetitions: repetitionsSchema,
  seed: z.int(),
  drainMsMax: positive,
  generatorLagMsMax: z.number().positive(),
  statistics: z.strictObject({ confidence: z.number().gt(0).lt(1), resamples: positive }),
  charts: z.strictObject({ font: z.string().min(1), widthPx: z.int().min(300).max(2000) }),
  published: z.strictObject({
    system: z.string().min(1),
    source: z.string().min(1),
    unfinished: z.string().min(1),
    rows: z.array(publishedRowSchema),
  }),
});

export type Settings = z.infer<typeof settingsSchema>;
export type PublishedRow = z.infer<typeof publishedRowSchema>;
export type Durability = Settings['cluster']['durability'];

export const defaultSettingsFile = (): string => join(packageRoot(), 'config', 'evaluation.yaml');

/**
 * Reads and checks config/evaluation.yaml.
 * @throws {UserError} naming the file, the key, its value and what would be right.
 */
export function loadSettings(file: string = defaultSettingsFile()): Settings {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`The settings ${file} cannot be read: ${messageOf(error)}. Restore the file, or name another with --settings.`, {
      cause: error,
    });
  }
  return parseSettings(text, file);
}

export function parseSettings(text: string, file = 'evaluation.yaml'): Settings {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    throw new UserError(`${file} is not valid YAML: ${messageOf(error)}. Correct the line, or restore the file.`, { cause: error });
  }
  const parsed = settingsSchema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => describeIssue(raw, issue));
  throw new UserError(`${file} holds values that cannot work:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
}

/**
 * Is in every row: two rows with different hashes were measured under different settings. Charts and figures of others do not count.
 * @param cluster what the cluster is started with.
 */
export function settingsHash(settings: Settings, cluster: object): string {
  const {
    pacing,
    scenarios,
    sweep,
    latency,
    steady,
    warmUp,
    producer,
    consumer,
    cluster: defaults,
    drainMsMax,
    generatorLagMsMax,
  } = settings;
  const measured = { pacing, scenarios, sweep, latency, steady, warmUp, producer, consumer, defaults, drainMsMax, generatorLagMsMax };
  return createHash('sha256')
    .update(JSON.stringify([measured, cluster]))
    .digest('hex')
    .slice(0, 12);
}

function describeIssue(raw: unknown, issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.map((key) => `"${[...issue.path, key].join('.')}"`).join(', ');
    return `${names} is not a setting. Remove it, or correct its spelling.`;
  }
  const key = issue.path.join('.');
  const value = valueAt(raw, issue.path);
  const shown = value === undefined ? 'is missing' : `is ${JSON.stringify(value)}`;
  return `"${key}" ${shown}. ${remedy(issue)}`;
}

function remedy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'too_small':
      return `Set it to ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}${issue.origin === 'array' ? ' element(s)' : ''}.`;
    case 'too_big':
      return `Set it to ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}.`;
    case 'invalid_value':
      return `Set it to one of: ${issue.values.map(String).join(', ')}.`;
    case 'invalid_type':
      return `Set it to a value of type ${issue.expected}.`;
    default:
      return `${issue.message}.`;
  }
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
