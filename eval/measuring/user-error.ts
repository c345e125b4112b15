/** An error of the user or of their machine: shown as one sentence with its remedy, never as a stack trace. */
export class UserError extends Error {
  /** The process's exit code. */
  readonly exitCode: number;

  constructor(message: string, options: { readonly cause?: unknown; readonly exitCode?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'UserError';
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The code of a file system error, such as `EACCES`; `undefined` for any other value. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Whether the error is one of the operating system, not of this program. */
export const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
