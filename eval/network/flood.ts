// A process that adds jobs as fast as the cluster takes them: node flood.js <FloodSettings as JSON>. It ends with a FloodReport.
import { Client, JobraftError, Queue } from '../../src/index.ts';
import { connect } from '../../src/remote/index.ts';
import type { FloodReport, FloodSettings } from './flood-messages.ts';

const DEADLINE_MS = 30_000;

async function flood({ endpoints, queue: name, inFlight, durationMs }: FloodSettings): Promise<FloodReport> {
  await using cluster = await connect({ endpoints, insecure: true });
  await using client = new Client(cluster, { deadlineMs: DEADLINE_MS });
  await using queue = new Queue(name, { connection: client });
  const ids: string[] = [];
  const errors: Record<string, number> = {};
  const untilMs = performance.now() + durationMs;
  const add = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      try {
        ids.push((await queue.add('job', ids.length)).id);
      } catch (error) {
        if (!(error instanceof JobraftError)) throw error;
        errors[error.code] = (errors[error.code] ?? 0) + 1;
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, add));
  return { ids, errors };
}

process.on('disconnect', () => process.exit());
// The only cast: the parent writes this argument.
const report = await flood(JSON.parse(process.argv[2] ?? '') as FloodSettings);
process.send?.(report, () => process.exit());
