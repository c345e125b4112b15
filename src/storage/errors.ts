import { JobraftError } from '../base/errors.ts';

export type StorageErrorCode = 'STORAGE_DAMAGED' | 'STORAGE_IN_USE' | 'STORAGE_FULL' | 'STORAGE_FAILED' | 'STORAGE_SCHEMA';

/** A node's file cannot be used. The node stops; what was acknowledged is still on a majority. */
export class StorageError extends JobraftError {
  override readonly code: StorageErrorCode;
  override readonly outcome = 'unknown';

  constructor(code: StorageErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
