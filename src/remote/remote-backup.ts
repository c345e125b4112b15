import { createHash } from 'node:crypto';
import { type ClientReadableStream, type ServiceError, status as Status } from '@grpc/grpc-js';
import { BackupError } from '../backup/backup-error.ts';
import type { BackupSink } from '../backup/backup-file.ts';
import { createBackup } from '../backup/new-backup.ts';
import type { JobraftError } from '../base/errors.ts';
import { ClusterClosedError, NoLeaderError } from '../client/errors.ts';
import { AccessDeniedError } from '../client/outage-errors.ts';
import type { BackupInfo } from '../cluster/take-backup.ts';
import type { BackupEndProto, BackupPieceProto } from '../transport/grpc/backup-piece.ts';
import { codeIn } from '../transport/grpc/call-status.ts';

/** A node that sends nothing for so long is given up. It may wait some 15 s for a majority and its disk before it begins. */
const SILENCE_MS = 60_000;
/** Codes of a node that is not the leader, or not any more. */
const WITHOUT_LEADER: readonly unknown[] = ['NOT_LEADER', 'NO_LEADER', 'DEADLINE', 'NOT_READY'];

/**
 * Writes what a leader sends to a new file of this machine.
 * @param open calls the leader. @param signal aborted when the connection is closed.
 * @throws {NoLeaderError} when the node does not lead; another one may. @throws {BackupError | AccessDeniedError | ClusterClosedError}
 */
export async function receiveBackup(
  path: string,
  open: () => ClientReadableStream<BackupPieceProto>,
  signal: AbortSignal,
): Promise<BackupInfo> {
  const { path: target, written } = await createBackup(path, async (sink) => {
    if (signal.aborted) throw new ClusterClosedError();
    const call = open();
    const cancel = (): void => call.cancel();
    signal.addEventListener('abort', cancel);
    try {
      return await receive(call, sink);
    } catch (error) {
      throw signal.aborted ? new ClusterClosedError() : error;
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  });
  const { bytes, index, term, node } = written;
  return { path: target, bytes, index, term, node };
}

async function receive(call: ClientReadableStream<BackupPieceProto>, sink: BackupSink): Promise<BackupEndProto> {
  const hash = createHash('sha256');
  let bytes = 0;
  let end: BackupEndProto | undefined;
  let isSilent = false;
  const silence = setTimeout(() => {
    isSilent = true;
    call.cancel();
  }, SILENCE_MS);
  // The iteration reports an error; another one, of a call that was cancelled, has no other listener.
  call.on('error', () => undefined);
  try {
    for await (const piece of call as AsyncIterable<BackupPieceProto>) {
      silence.refresh();
      end = piece.end ?? undefined;
      hash.update(piece.data);
      bytes += piece.data.length;
      await sink.write(piece.data);
    }
  } catch (error) {
    call.cancel();
    if (isSilent) throw given(`nothing arrived for ${SILENCE_MS} ms, since the node, the network or this process was stopped`);
    throw isServiceError(error) ? errorOf(error) : error;
  } finally {
    clearTimeout(silence);
  }
  if (end?.bytes !== bytes || !hash.digest().equals(end.sha256)) throw given('what arrived is not complete');
  return end;
}

const given = (reason: string): BackupError => new BackupError('BACKUP_FAILED', `The backup was given up: ${reason}. Take another one.`);

const isServiceError = (error: unknown): error is ServiceError => error instanceof Error && 'details' in error && 'metadata' in error;

function errorOf(error: ServiceError): JobraftError {
  const { code, details, metadata } = error;
  if (WITHOUT_LEADER.includes(codeIn(metadata))) return new NoLeaderError();
  if (code === Status.UNAUTHENTICATED || code === Status.PERMISSION_DENIED) return new AccessDeniedError(details);
  if (code === Status.UNIMPLEMENTED)
    return new BackupError(
      'BACKUP_FAILED',
      'The leader is of an earlier release, which sends no backups. Upgrade it, or let another node lead.',
    );
  if (codeIn(metadata) === undefined) return given(`the node cannot be reached (${details})`);
  return new BackupError('BACKUP_FAILED', details);
}
