import {
  ConfigError,
  type DeadlineError,
  InvalidOptionError,
  type JobNotFoundError,
  JobraftError,
  type NoLeaderError,
  type NotSupportedError,
  type Outcome,
  type OverloadedError,
  type PayloadTooLargeError,
  type SessionExpiredError,
  StorageError,
  type StorageErrorCode,
  type UnknownOptionError,
  UnrecoverableError,
} from 'jobraft';
import { expectTypeOf } from 'vitest';

export function haveACodeAnOutcomeAndACause(error: JobraftError): void {
  expectTypeOf(error).toExtend<Error>();
  expectTypeOf(error.code).toEqualTypeOf<string>();
  expectTypeOf(error.outcome).toEqualTypeOf<'not-applied' | 'unknown'>();
  expectTypeOf<Outcome>().toEqualTypeOf<'not-applied' | 'unknown'>();
  // @ts-expect-error abstract: there is no error without a code
  new JobraftError('message');
}

export function haveACodeOfTheirOwn(): void {
  expectTypeOf<ConfigError['code']>().toEqualTypeOf<'CONFIG_INVALID'>();
  expectTypeOf<DeadlineError['code']>().toEqualTypeOf<'DEADLINE'>();
  expectTypeOf<JobNotFoundError['code']>().toEqualTypeOf<'JOB_NOT_FOUND'>();
  expectTypeOf<NoLeaderError['code']>().toEqualTypeOf<'NO_LEADER'>();
  expectTypeOf<NotSupportedError['code']>().toEqualTypeOf<'NOT_SUPPORTED'>();
  expectTypeOf<OverloadedError['code']>().toEqualTypeOf<'OVERLOADED'>();
  expectTypeOf<SessionExpiredError['outcome']>().toEqualTypeOf<'unknown'>();
  expectTypeOf<StorageError['code']>().toEqualTypeOf<StorageErrorCode>();
}

/** A switch over codes distinguishes the classes. */
export function areDistinguishedByTheirCodes(error: DeadlineError | PayloadTooLargeError | UnknownOptionError): unknown {
  switch (error.code) {
    case 'DEADLINE':
      expectTypeOf(error).toEqualTypeOf<DeadlineError>();
      return error.outcome;
    case 'PAYLOAD_TOO_LARGE':
      expectTypeOf(error).toEqualTypeOf<PayloadTooLargeError>();
      return error.payloadBytesMax;
    case 'UNKNOWN_OPTION':
      return error.validOptions;
    // @ts-expect-error a code of none of them
    case 'NO_LEADER':
      return undefined;
  }
}

export function areNarrowedByTheirClass(error: unknown): void {
  if (error instanceof InvalidOptionError) expectTypeOf(error.option).toEqualTypeOf<string>();
  if (error instanceof ConfigError) expectTypeOf(error.value).toBeUnknown();
  if (error instanceof StorageError) expectTypeOf(error.code).toEqualTypeOf<StorageErrorCode>();
}

export function includeTheOneThatAProcessorThrows(): void {
  expectTypeOf(new UnrecoverableError('The address does not exist.')).toExtend<Error>();
  expectTypeOf<UnrecoverableError>().not.toExtend<JobraftError>();
}
