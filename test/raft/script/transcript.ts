/** A transcript as text: comments, commands at the beginning of a line, and below each command its expected output, indented. */

export interface CommandStep {
  readonly type: 'command';
  /** Counted from one. */
  readonly line: number;
  readonly text: string;
  readonly expected: readonly string[];
}

type Part = CommandStep | { readonly type: 'prose'; readonly text: string };

export interface Transcript {
  readonly file: string;
  readonly title: string;
  readonly parts: readonly Part[];
}

/** A fault in a transcript, or in the core that it drives, with its position. */
export class TranscriptError extends Error {
  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`);
    this.name = 'TranscriptError';
  }
}

const INDENT = '  ';
/** A title, and at least one line that explains why the case matters. */
const HEADER_LINES_MIN = 2;

/** @throws {TranscriptError} where the format is invalid. */
export function parseTranscript(file: string, text: string): Transcript {
  const lines = text.replace(/\n$/, '').split('\n');
  const parts: (Part & { expected?: string[] })[] = [];
  let last: { line: number; text: string; expected: string[] } | undefined;
  for (const [offset, line] of lines.entries()) {
    if (line.startsWith(INDENT)) {
      if (last === undefined) throw new TranscriptError(file, offset + 1, 'Output without a command. Begin commands in the first column.');
      last.expected.push(line.slice(INDENT.length));
    } else if (line === '' || line.startsWith('#')) {
      last = undefined;
      parts.push({ type: 'prose', text: line });
    } else {
      const command = { type: 'command' as const, line: offset + 1, text: line, expected: [] };
      last = command;
      parts.push(command);
    }
  }
  return { file, title: titleIn(file, lines), parts };
}

function titleIn(file: string, lines: readonly string[]): string {
  const end = lines.findIndex((line) => !line.startsWith('# '));
  if (end < HEADER_LINES_MIN) {
    throw new TranscriptError(
      file,
      1,
      'The header is missing. Begin with "# " and a title, and "# " lines that explain why the case matters.',
    );
  }
  return (lines[0] ?? '').slice(2);
}

/** The transcript with the current output of each command, by its line. */
export function renderTranscript(transcript: Transcript, outputs: ReadonlyMap<number, readonly string[]>): string {
  const lines = transcript.parts.flatMap((part) => {
    if (part.type === 'prose') return [part.text];
    return [part.text, ...(outputs.get(part.line) ?? []).map((line) => INDENT + line)];
  });
  return `${lines.join('\n')}\n`;
}
