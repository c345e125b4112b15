import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';

/**
 * The latencies (acknowledged − intended start) of the measured messages of each run, in milliseconds, from the raw samples.
 * @returns by the run's name; empty when the samples were not kept.
 */
export function readLatencies(file: string): ReadonlyMap<string, readonly number[]> {
  const latencies = new Map<string, number[]>();
  if (!existsSync(file)) return latencies;
  const records: Record<string, string>[] = parse(gunzipSync(readFileSync(file)), { columns: true });
  for (const { run = '', phase, intended_ms, acknowledged_ms } of records) {
    if (phase !== 'measured' || !acknowledged_ms || !intended_ms) continue;
    const ofRun = latencies.get(run);
    const latencyMs = Number(acknowledged_ms) - Number(intended_ms);
    if (ofRun === undefined) latencies.set(run, [latencyMs]);
    else ofRun.push(latencyMs);
  }
  return latencies;
}
