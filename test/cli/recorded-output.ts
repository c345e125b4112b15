import { Readable } from 'node:stream';
import { Output, type OutputTarget } from '../../src/cli/output.ts';
import { runCommandLine } from '../../src/cli/program.ts';

/** What a command printed. */
export class RecordedOutput {
  out = '';
  err = '';
  readonly output: Output;

  constructor(target: Partial<OutputTarget> = {}) {
    this.output = new Output({
      out: (text) => {
        this.out += text;
      },
      err: (text) => {
        this.err += text;
      },
      isTerminal: false,
      isColoured: false,
      columns: () => 80,
      ...target,
    });
  }
}

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line that opens no cluster in this process. @param options.isTTY whether its input is a terminal. */
export async function jobraft(
  words: readonly string[],
  { stdin = '', isTTY = false, signal = new AbortController().signal } = {},
): Promise<Ended> {
  delete process.env.JOBRAFT_DATA_DIR;
  const recorded = new RecordedOutput();
  const code = await runCommandLine(words, {
    output: recorded.output,
    stdin: () => Object.assign(Readable.from([Buffer.from(stdin)]), { isTTY }),
    signal,
  });
  return { code, out: recorded.out, err: recorded.err };
}
