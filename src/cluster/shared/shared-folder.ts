import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError } from '../../storage/errors.ts';

/** Only the user of the process may enter it, from its creation on: a socket is bound before its own mode can be set. */
const SOCKET_FOLDER_MODE = 0o700;

const socketFolder = (dataDir: string): string => join(dataDir, 'sockets');
/** The Unix socket of the process that hosts the nodes. */
export const hostSocket = (dataDir: string): string => join(socketFolder(dataDir), 'host.sock');
/** The Unix socket of a node, for clients. */
export const nodeSocket = (dataDir: string, node: number): string => join(socketFolder(dataDir), `node-${node}.sock`);
/** What the host locks. */
export const hostFile = (dataDir: string): string => join(dataDir, 'host');
/** What each process that uses the cluster locks has its file in here. */
export const processFolder = (dataDir: string): string => join(dataDir, 'processes');

/** @throws {StorageError} */
export function makeSocketFolder(dataDir: string): void {
  const folder = socketFolder(dataDir);
  try {
    mkdirSync(folder, { recursive: true, mode: SOCKET_FOLDER_MODE });
    chmodSync(folder, SOCKET_FOLDER_MODE);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StorageError(
      'STORAGE_FAILED',
      `The folder ${folder} for sockets cannot be made (${reason}). Let this user write ${dataDir}.`,
      {
        cause,
        outcome: 'not-applied',
      },
    );
  }
}
