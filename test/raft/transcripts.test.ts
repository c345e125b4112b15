import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deviationsOf, runTranscript } from './script/interpreter.ts';
import { parseTranscript, renderTranscript } from './script/transcript.ts';

const folder = resolve(import.meta.dirname, 'transcripts');
const files = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort();

/** `TRANSCRIPTS=write` writes the output of the commands into the files; every `expect` stays as it is and must hold. */
const { TRANSCRIPTS } = process.env;
const isWriting = TRANSCRIPTS === 'write';

const read = (file: string) => parseTranscript(`test/raft/transcripts/${file}`, readFileSync(resolve(folder, file), 'utf8'));

describe('transcripts of hard cases', () => {
  it('are many, each with a title of its own', () => {
    const titles = files.map((file) => read(file).title);
    expect(titles.length).toBeGreaterThanOrEqual(25);
    expect(new Set(titles).size).toBe(titles.length);
  });

  it.each(files.map((file) => [file.replace(/\.txt$/, ''), file]))('%s', (_, file) => {
    const transcript = read(file);
    const outputs = runTranscript(transcript);
    if (isWriting) writeFileSync(resolve(folder, file), renderTranscript(transcript, outputs));
    else expect(deviationsOf(transcript, outputs).join('\n\n')).toBe('');
  });
});
