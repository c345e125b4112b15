import { Arguments } from './arguments.ts';
import { execute, openCluster } from './commands.ts';
import { differenceOf } from './difference.ts';
import type { Transcript } from './transcript.ts';
import { TranscriptError } from './transcript.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** Prefix of a command whose output is not part of the transcript. */
const QUIETLY = 'quietly ';

/**
 * Runs the transcript on real cores.
 * @returns the output of each command, by its line.
 * @throws {TranscriptError} at an invalid command, an expectation that does not hold, or a broken invariant.
 */
export function runTranscript(transcript: Transcript): ReadonlyMap<number, readonly string[]> {
  const outputs = new Map<number, readonly string[]>();
  let cluster: TranscriptCluster | undefined;
  for (const part of transcript.parts) {
    if (part.type === 'prose') continue;
    const isQuiet = part.text.startsWith(QUIETLY);
    try {
      const args = new Arguments(isQuiet ? part.text.slice(QUIETLY.length) : part.text);
      if (cluster === undefined) cluster = openCluster(args);
      else execute(cluster, args);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      const said = cluster?.takeLines().map((line) => `\n  ${line}`) ?? [];
      throw new TranscriptError(transcript.file, part.line, `${part.text}\n${what}${said.join('')}`);
    }
    const lines = cluster.takeLines();
    outputs.set(part.line, isQuiet ? [] : lines);
  }
  if (cluster === undefined) throw new TranscriptError(transcript.file, 1, 'A transcript without a command.');
  return outputs;
}

/** Where the output differs from the transcript, command by command; empty if nowhere. */
export function deviationsOf(transcript: Transcript, outputs: ReadonlyMap<number, readonly string[]>): string[] {
  return transcript.parts.flatMap((part) => {
    if (part.type === 'prose') return [];
    const actual = outputs.get(part.line) ?? [];
    if (actual.length === part.expected.length && actual.every((line, place) => line === part.expected[place])) return [];
    return [`${transcript.file}:${part.line}: ${part.text}\n${differenceOf(part.expected, actual)}`];
  });
}
