import { type Subject, settle } from './folder-faults.ts';
import { CannotMount, SmallDisk } from './small-disk.ts';

/**
 * The disk with all nodes' files fills up under load. Afterwards the nodes are started again, or the whole process is killed and started.
 */
export interface FullDisk {
  readonly type: 'full-disk';
  readonly remedy: 'start-nodes' | 'restart-process';
}

const STEP_TIMEOUT_MS = 60_000;

/** @throws {CannotMount} where no small disk can be mounted; the process runs on. */
export async function fillDisk(subject: Subject, { remedy }: FullDisk): Promise<string> {
  await settle(subject);
  await subject.kill();
  const detail = await withSmallDisk(subject, remedy).catch(async (error: unknown) => {
    if (error instanceof CannotMount) await subject.start();
    throw error;
  });
  await subject.start();
  await settle(subject);
  return detail;
}

async function withSmallDisk(subject: Subject, remedy: FullDisk['remedy']): Promise<string> {
  using disk = SmallDisk.mountAt(subject.dataDir);
  try {
    await subject.start();
    const { nodes } = await settle(subject);
    using stops = subject.notices.expect(({ type, code }) => type === 'node-failure' && code === 'STORAGE_FULL');
    disk.fill();
    const stopped = (): number => new Set(stops.seen.map(({ node }) => node)).size;
    // Nodes that write into free space inside their files continue: a file grows only when that is used up.
    const isMajority = await stops
      .awaitEnough('a majority stops with STORAGE_FULL', STEP_TIMEOUT_MS, () => {
        disk.fill();
        return stopped() > nodes.length / 2;
      })
      .then(
        () => true,
        () => false,
      );
    if (isMajority) await subject.perform({ type: 'expect-quorum-lost', timeoutMs: STEP_TIMEOUT_MS }, 2 * STEP_TIMEOUT_MS);
    const before = stopped();
    disk.free();
    if (remedy === 'start-nodes') {
      await subject.perform({ type: 'start-stopped', timeoutMs: STEP_TIMEOUT_MS }, 2 * STEP_TIMEOUT_MS);
    } else {
      await subject.kill();
      await subject.start();
    }
    await settle(subject);
    const how = remedy === 'start-nodes' ? 'they were started again' : 'the process was killed and started again';
    return `filled the disk: ${before} of ${nodes.length} nodes stopped with STORAGE_FULL, ${isMajority ? 'adds got QUORUM_LOST' : 'the others continued'}; with space again ${how}`;
  } finally {
    // The files must be closed when they are moved back to their disk.
    await subject.kill();
  }
}
