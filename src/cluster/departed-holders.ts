import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../client/api/client.ts';
import type { ClusterManifest } from './cluster-manifest.ts';
import { forgetProcess } from './shared/process-locks.ts';

const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 1_000;

/** Releases the leases of a departed process. */
type HolderReleaser = Pick<Client, 'releaseHolder'>;

/**
 * Releases the leases of processes that had this folder before: they are gone, since this process has their files. Retries until it
 * succeeds: a cluster may have no leader for a while.
 * @param ended processes that shared the cluster and have ended. @param client undefined once the cluster is closed.
 */
export async function releaseDeparted(
  manifest: ClusterManifest,
  ended: { readonly dataDir: string; readonly holders: readonly number[] },
  client: () => HolderReleaser | undefined,
): Promise<void> {
  const { departed } = manifest;
  for (const holder of [...departed, ...ended.holders]) if (!(await release(holder, client))) return;
  for (const holder of ended.holders) forgetProcess(ended.dataDir, holder);
  if (departed.length === 0 || client() === undefined) return;
  try {
    manifest.onReleased(departed);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    // They are removed with the next write of the file.
    process.emitWarning(
      `The leases of the processes that had this cluster before are released, but cluster.json still names them. ${reason} Until it can be written, each start releases them again, which changes nothing.`,
      { type: 'JobraftClusterFile' },
    );
  }
}

/** @returns whether the leases are released; false if the cluster was closed first. */
async function release(holder: number, client: () => HolderReleaser | undefined): Promise<boolean> {
  let retryMs = RETRY_MS_MIN;
  for (let current = client(); current !== undefined; current = client()) {
    try {
      await current.releaseHolder(holder);
      return true;
    } catch {
      // No leader within a call's deadline, or closed meanwhile. In the worst case the leases expire.
      await sleep(retryMs, undefined, { ref: false });
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    }
  }
  return false;
}
