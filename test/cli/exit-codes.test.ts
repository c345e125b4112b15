import { describe, expect, it } from 'vitest';
import { EXIT, EXIT_MEANINGS, exitCodeOf, UsageError } from '../../src/cli/exit-codes.ts';
import { interruptedExitCode, listenForInterruption, pauseFor, unlessInterrupted } from '../../src/cli/interruption.ts';
import {
  AdminRejectedError,
  ClusterClosedError,
  ConfigError,
  DeadlineError,
  HandshakeError,
  HostSilentError,
  InvalidOptionError,
  JobNotFoundError,
  type JobraftError,
  JobStateError,
  NodeUnavailableError,
  NoLeaderError,
  NoNodesRunningError,
  OverloadedError,
  PayloadTooLargeError,
  ProcessorFileError,
  QuorumLostError,
  StorageError,
} from '../../src/index.ts';
import { UnsupportedVersionError } from '../../src/protocol/entry-data.ts';

const full = new StorageError('STORAGE_FULL', 'full');

const CODES: readonly (readonly [code: number, errors: readonly JobraftError[]])[] = [
  [
    EXIT.rejected,
    [new JobNotFoundError(1), new JobStateError('active'), new AdminRejectedError('INVALID', 'no', 0), new OverloadedError('too much')],
  ],
  [
    EXIT.usage,
    [
      new UsageError('wrong'),
      new ConfigError('nodes', 0, 'more'),
      new HandshakeError('other nodes'),
      new InvalidOptionError('id', 'x', 'a number'),
      new PayloadTooLargeError(2, 1),
      new ProcessorFileError('a.js', 'does not exist', 'name one'),
    ],
  ],
  [
    EXIT.unreachable,
    [
      new NoLeaderError(),
      new QuorumLostError([1, 2, 3], [1], full, 'not-applied'),
      new NoNodesRunningError([1]),
      new DeadlineError('unknown'),
      new NodeUnavailableError(1),
      new HostSilentError(1, 5_000),
      new ClusterClosedError(),
      new UnsupportedVersionError('Entry 2 needs version 6', 'has up to 5'),
      full,
    ],
  ],
];

describe('the exit code', () => {
  it.each(CODES)('%i is that of its errors', (code, errors) => {
    expect(errors.map((error) => [error.code, exitCodeOf(error)])).toEqual(errors.map((error) => [error.code, code]));
  });

  it('has a meaning for each number', () => {
    expect(EXIT_MEANINGS.map(([code]) => code)).toEqual(Object.values(EXIT));
  });
});

/** A process whose signals are sent by a test. */
class FakeProcess {
  readonly #listeners: Record<string, () => void> = {};
  readonly exits: number[] = [];

  on(signal: string, listener: () => void): void {
    this.#listeners[signal] = listener;
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  send(signal: string): void {
    this.#listeners[signal]?.();
  }
}

describe('an interruption', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('by %s aborts the signal with the exit code %i; the second one ends the process', (name, code) => {
    const source = new FakeProcess();
    const { signal } = listenForInterruption(source);
    expect(signal.aborted).toBe(false);
    source.send(name);
    expect([signal.aborted, interruptedExitCode(signal), source.exits]).toEqual([true, code, []]);
    source.send('SIGINT');
    expect(source.exits).toEqual([130]);
    expect(interruptedExitCode(signal)).toBe(code);
  });

  it('ends the wait for work, whose later error is ignored', async () => {
    const controller = new AbortController();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const waiting = unlessInterrupted(controller.signal, work);
    controller.abort(130);
    await expect(waiting).rejects.toThrow('The command was interrupted.');
    fail(new Error('later'));
    await expect(unlessInterrupted(controller.signal, work)).rejects.toThrow('The command was interrupted.');
  });

  it('leaves work alone that ends before', async () => {
    const { signal } = new AbortController();
    expect(await unlessInterrupted(signal, Promise.resolve(7))).toBe(7);
    await expect(unlessInterrupted(signal, Promise.reject(new Error('rejected')))).rejects.toThrow('rejected');
  });

  it('ends a pause', async () => {
    const controller = new AbortController();
    const pause = pauseFor(1_000_000, controller.signal);
    controller.abort(130);
    await pause;
    await pauseFor(1_000_000, controller.signal);
    expect(controller.signal.aborted).toBe(true);
  });
});
