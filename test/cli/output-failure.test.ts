import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.ts';
import { OutputFailure } from '../../src/cli/output-failure.ts';

const errorOf = (code: string): Error => Object.assign(new Error(`${code}: it fails, write`), { code });

/** Fails as a pipe does, later, or as a file does, at once. */
const pipe = (error: Error): Writable => new Writable({ write: (_chunk, _encoding, done) => done(error) });
const file = (error: Error): Writable =>
  new Writable({
    write: () => {
      throw error;
    },
  });

/** Writes until the stream has reported its error. */
async function written(
  stream: Writable,
): Promise<{ readonly lines: string[]; readonly aborts: number[]; readonly exitCode: number | undefined }> {
  const lines: string[] = [];
  const aborts: number[] = [];
  const failure = new OutputFailure(
    (line) => lines.push(line),
    (code) => aborts.push(code),
  );
  const write = failure.writerOf(stream);
  write('one');
  write('two');
  await new Promise((resolve) => setImmediate(resolve));
  write('three');
  await new Promise((resolve) => setImmediate(resolve));
  return { lines, aborts, exitCode: failure.exitCode };
}

describe('an output that cannot be written', () => {
  it.each([
    ['a pipe', pipe],
    ['a file', file],
  ])('ends the command with one line and its exit code: %s', async (_what, streamOf) => {
    expect(await written(streamOf(errorOf('ENOSPC')))).toEqual({
      lines: [
        'jobraft: OUTPUT_FAILED: Standard output cannot be written (ENOSPC: it fails, write). Free some space, or write to another place.\n',
      ],
      aborts: [EXIT.output],
      exitCode: EXIT.output,
    });
  });

  it('ends the command quietly when its reader has ended', async () => {
    expect(await written(pipe(errorOf('EPIPE')))).toEqual({ lines: [], aborts: [EXIT.done], exitCode: undefined });
  });

  it('changes nothing while it can be written', async () => {
    expect(await written(new Writable({ write: (_chunk, _encoding, done) => done() }))).toEqual({
      lines: [],
      aborts: [],
      exitCode: undefined,
    });
  });
});
