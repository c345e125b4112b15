import { Arguments } from './arguments.ts';
import { carryOut, openWorld } from './commands.ts';
import { differenceOf } from './difference.ts';
import type { Transcript } from './transcript.ts';
import { TranscriptError } from './transcript.ts';
import type { TranscriptCluster } from './transcript-cluster.ts';

/** Before a command: it happens, and what it says is not part of the story. */
const QUIETLY = 'quietly ';

/**
 * Tells the story to real cores.
 * @returns what each command said, by its line.
 * @throws {TranscriptError} at a command that makes no sense, an expectation that does not hold, or a broken invariant.
 */
export function runTranscript(transcript: Transcript): ReadonlyMap<number, readonly string[]> {
  const outputs = new Map<number, readonly string[]>();
  let world: TranscriptCluster | undefined;
  for (const part of transcript.parts) {
    if (part.type === 'prose') continue;
    const isQuiet = part.text.startsWith(QUIETLY);
    try {
      const args = new Arguments(isQuiet ? part.text.slice(QUIETLY.length) : part.text);
      if (world === undefined) world = openWorld(args);
      else carryOut(world, args);
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      const said = world?.takeLines().map((line) => `\n  ${line}`) ?? [];
      throw new TranscriptError(transcript.file, part.line, `${part.text}\n${what}${said.join('')}`);
    }
    const lines = world.takeLines();
    outputs.set(part.line, isQuiet ? [] : lines);
  }
  if (world === undefined) throw new TranscriptError(transcript.file, 1, 'A transcript without a command.');
  return outputs;
}

/** Where a transcript was told otherwise than it is written, command by command; empty when nowhere. */
export function deviationsOf(transcript: Transcript, outputs: ReadonlyMap<number, readonly string[]>): string[] {
  return transcript.parts.flatMap((part) => {
    if (part.type === 'prose') return [];
    const actual = outputs.get(part.line) ?? [];
    if (actual.length === part.expected.length && actual.every((line, place) => line === part.expected[place])) return [];
    return [`${transcript.file}:${part.line}: ${part.text}\n${differenceOf(part.expected, actual)}`];
  });
}
