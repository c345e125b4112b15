import { z } from 'zod';

/** The lines that the analyser counts; all others are for readers only. */
const recordSchema = z.object({
  time: z.string(),
  node: z.int(),
  event: z.string(),
  term: z.number().optional(),
  role: z.string().optional(),
  rpcLines: z.string().optional(),
  rpc: z.string().optional(),
  to: z.number().optional(),
  sent: z.record(z.string(), z.record(z.string(), z.number())).optional(),
});

export type LogRecord = z.infer<typeof recordSchema>;

/** `undefined` for a line that is not a node's: torn by a kill, or written by another program. */
export function parseLogLine(line: string): LogRecord | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return undefined;
  }
  return recordSchema.safeParse(raw).data;
}
