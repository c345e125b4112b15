/** A message of the call Backup. */
export interface BackupPieceProto {
  readonly data: Uint8Array;
  /** In the last one. */
  readonly end?: BackupEndProto | null;
}

export interface BackupEndProto {
  readonly index: number;
  readonly term: number;
  readonly node: number;
  readonly bytes: number;
  readonly sha256: Uint8Array;
}
