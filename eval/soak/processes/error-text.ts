import { JobraftError } from '../../../src/index.ts';

export const firstSentence = (text: string): string => text.split('. ', 1)[0] ?? text;

/** Its code and those of its causes, and its first sentence. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return firstSentence(String(error));
  const codes: string[] = [];
  for (let each: unknown = error; each instanceof JobraftError && codes.length < CODES_MAX; each = each.cause) codes.push(each.code);
  return [...(codes.length === 0 ? [] : [codes.join(', ')]), firstSentence(error.message)].join(': ');
}

const CODES_MAX = 3;
