import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../measuring/replace-file.ts';
import { errorCode, messageOf, UserError } from '../measuring/user-error.ts';

const schema = z.strictObject({
  /** Its start time, ISO 8601. */
  session: z.string(),
  commit: z.string(),
  /** Steps that ended, in their order, with the minutes that they took. */
  done: z.array(z.strictObject({ name: z.string(), minutes: z.number() })),
});

export type FullSession = z.infer<typeof schema>;

/** How far a full session got: session.json of the results folder. */
export class SessionFile {
  readonly path: string;

  constructor(results: string) {
    this.path = join(results, 'session.json');
  }

  /** @returns undefined if there is none. @throws {UserError} when it is damaged. */
  read(): FullSession | undefined {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw new UserError(`${this.path} cannot be read (${messageOf(error)}). Correct its permissions, or remove it.`, { cause: error });
    }
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw new UserError(`${this.path} is damaged (${messageOf(error)}). Begin another session with --new.`, { cause: error });
    }
  }

  write(session: FullSession): void {
    replaceFile(this.path, `${JSON.stringify(session, undefined, 2)}\n`);
  }
}

/** The session to go on with: the last one, if it is of this commit and has steps left; else a new one. */
export function sessionToRun(
  last: FullSession | undefined,
  { commit, steps, now }: { readonly commit: string; readonly steps: readonly string[]; readonly now: Date },
): FullSession {
  const isOpen = last !== undefined && last.commit === commit && steps.some((name) => !last.done.some((step) => step.name === name));
  return isOpen ? last : { session: now.toISOString(), commit, done: [] };
}
