import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';

/**
 * The latencies (acknowledged − intended start) of a run's measured messages, in milliseconds, from its raw samples.
 * @returns an empty list when the samples were not kept.
 */
export function readLatencies(file: string): readonly number[] {
  if (!existsSync(file)) return [];
  const records: Record<string, string>[] = parse(gunzipSync(readFileSync(file)), { columns: true });
  const latencies: number[] = [];
  for (const { phase, intended_ms, acknowledged_ms } of records) {
    if (phase !== 'measured' || !acknowledged_ms || !intended_ms) continue;
    latencies.push(Number(acknowledged_ms) - Number(intended_ms));
  }
  return latencies;
}
