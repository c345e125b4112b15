import { cpSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Queue, startCluster } from '../../src/index.ts';
import { StartRejected } from './child-process.ts';
import type { Done, SoakAction } from './messages.ts';
import type { Notices } from './notices.ts';

/** Faults that the driver injects into the nodes' folders while no process uses them. */
export type FolderFault =
  /** A node's folder is replaced by a copy that was taken while the node ran. `pick` in [0, 1) chooses the node. */
  | { readonly type: 'rolled-back-folder'; readonly pick: number }
  /** A node's folder is replaced by one of another cluster, and after the rejected start by its original, or by none. */
  | { readonly type: 'foreign-folder'; readonly pick: number; readonly isPutBack: boolean };

/** The process under test and its files. */
export interface Subject {
  readonly dataDir: string;
  /** For copies; on the same disk. */
  readonly workDir: string;
  readonly notices: Notices;
  perform(action: SoakAction, timeoutMs: number): Promise<Done>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
}

export const SETTLE_TIMEOUT_MS = 60_000;
const CHECKPOINT_TIMEOUT_MS = 60_000;
const REPAIR_TIMEOUT_MS = 60_000;
const FOREIGN_JOBS = 5;

/** Only one node's folder at a time, and only while every node has caught up: the others are a majority without it. */
export async function injectFolderFault(subject: Subject, fault: FolderFault): Promise<string> {
  const { nodes } = await settle(subject);
  const node = nodes[Math.floor(fault.pick * nodes.length)] ?? 1;
  const detail = fault.type === 'rolled-back-folder' ? await rollBack(subject, node) : await exchange(subject, node, fault.isPutBack);
  await settle(subject);
  removeDamaged(join(subject.dataDir, `node-${node}`));
  return detail;
}

export const settle = (subject: Subject): Promise<Done> =>
  subject.perform({ type: 'settle', timeoutMs: SETTLE_TIMEOUT_MS }, 2 * SETTLE_TIMEOUT_MS);

/** The copy is older than a recorded checkpoint, so that the cluster must detect it (docs/operations.md, "Files"). */
async function rollBack(subject: Subject, node: number): Promise<string> {
  const folder = join(subject.dataDir, `node-${node}`);
  const copy = join(subject.workDir, 'copy');
  rmSync(copy, { recursive: true, force: true });
  cpSync(folder, copy, { recursive: true });
  await subject.perform({ type: 'checkpoint', node, timeoutMs: CHECKPOINT_TIMEOUT_MS }, 2 * CHECKPOINT_TIMEOUT_MS);
  await subject.kill();
  rmSync(folder, { recursive: true });
  renameSync(copy, folder);
  // It may also be damaged, since it was copied page by page while it was written.
  using repairs = subject.notices.expect(
    (notice) => notice.type === 'repair' && notice.node === node && ['STORAGE_ROLLED_BACK', 'STORAGE_DAMAGED'].includes(notice.code),
  );
  await subject.start();
  await repairs.awaitEnough(`the older copy of node ${node} is noticed and replaced`, REPAIR_TIMEOUT_MS, (seen) => seen.length > 0);
  return `put an older copy of node ${node} in place between a SIGKILL and the next start: ${repairs.seen[0]?.code}, rebuilt`;
}

async function exchange(subject: Subject, node: number, isPutBack: boolean): Promise<string> {
  const folder = join(subject.dataDir, `node-${node}`);
  const [own, foreign] = [join(subject.workDir, 'own'), join(subject.workDir, 'foreign')];
  await makeForeign(foreign, node);
  await subject.kill();
  rmSync(own, { recursive: true, force: true });
  renameSync(folder, own);
  renameSync(join(foreign, `node-${node}`), folder);
  await expectRejection(subject);
  rmSync(folder, { recursive: true });
  if (isPutBack) renameSync(own, folder);
  await subject.start();
  const remedy = isPutBack ? 'its own was put back' : 'it was rebuilt without one';
  return `put a folder of another cluster in place of that of node ${node}: STORAGE_FOREIGN, ${remedy}`;
}

async function expectRejection(subject: Subject): Promise<void> {
  try {
    await subject.start();
  } catch (error) {
    if (error instanceof StartRejected && error.code === 'STORAGE_FOREIGN') return;
    throw error;
  }
  throw new Error("The cluster started with a node's folder of another cluster.");
}

async function makeForeign(dataDir: string, node: number): Promise<void> {
  rmSync(dataDir, { recursive: true, force: true });
  await using cluster = await startCluster({ nodes: [node], dataDir });
  await using queue = new Queue<string>('foreign', { connection: cluster });
  for (let job = 0; job < FOREIGN_JOBS; job += 1) await queue.add('job', 'of another cluster');
}

/** Files that were moved aside are no longer used, and would fill the disk in a long run. */
function removeDamaged(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) if (name.includes('.damaged-')) rmSync(join(folder, name));
}
