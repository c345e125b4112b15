import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from '../base/errors.ts';
import { changeFile } from './change-file.ts';
import { PRIVATE, replaceFile } from './replace-file.ts';
import { ROLES, type Role } from './roles.ts';

/** A token as its file has it: its secret is not there. */
export interface StoredToken {
  readonly name: string;
  readonly roles: readonly Role[];
  /** The only queues that it permits. Undefined: all. */
  readonly queues?: readonly string[] | undefined;
  /** SHA-256 of the secret, hexadecimal. A slow hash would add nothing: the secret is 256 random bits, which cannot be guessed. */
  readonly sha256: string;
  /** ISO 8601. */
  readonly created: string;
  readonly expires?: string | undefined;
}

export type NewToken = Pick<StoredToken, 'name' | 'roles' | 'queues'> & { readonly nowMs: number; readonly expiresMs?: number | undefined };

const SECRET_BYTES = 32;
/** Finds secrets that were published by mistake. */
const PREFIX = 'jobraft_';
export const SECRET = /^jobraft_[A-Za-z0-9_-]{43}$/;
export const TOKEN_NAME = /^[A-Za-z0-9._-]{1,100}$/;
/** Each call is compared with all of them. */
const TOKENS_MAX = 1_000;
const QUEUES_MAX = 1_000;

const SCHEMA = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        name: z.string().regex(TOKEN_NAME),
        roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length),
        queues: z.array(z.string().min(1)).min(1).max(QUEUES_MAX).optional(),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
        created: z.iso.datetime(),
        expires: z.iso.datetime().optional(),
      }),
    )
    .max(TOKENS_MAX)
    .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length),
});

export const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();

/** @throws {ConfigError} for a file that cannot be read, or that "jobraft tokens" did not write. */
export function readTokens(path: string): readonly StoredToken[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('access.tokens', path, `The file cannot be read (${reason}). Make it with "jobraft tokens add".`);
  }
  return parseTokens(text, path);
}

function parseTokens(text: string, path: string): readonly StoredToken[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ConfigError('access.tokens', path, 'The file is not JSON. Restore it, or make a new one with "jobraft tokens add".');
  }
  const { data, error } = SCHEMA.safeParse(json);
  if (data !== undefined) return data.tokens;
  // The text of the issue may have a value of the file; its place has none.
  const place = error.issues[0]?.path.join('.') ?? '';
  throw new ConfigError('access.tokens', path, `"${place}" in it is invalid: "jobraft tokens" writes the file. Restore it.`);
}

/** The file of the tokens, for the commands that change it. */
export class TokenFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {ConfigError} */
  list(): readonly StoredToken[] {
    return readTokens(this.#path);
  }

  /** The file is made with its first token. @returns the secret, which is nowhere else. @throws {ConfigError} for a name that is taken. */
  add(token: NewToken): string {
    return changeFile(this.#path, () => this.#add(token));
  }

  /** @throws {ConfigError} for a name that no token has. */
  revoke(name: string): void {
    // Without a file there is nothing to change, nor a lock to leave.
    this.list();
    changeFile(this.#path, () => this.#revoke(name));
  }

  #add({ name, roles, queues, nowMs, expiresMs }: NewToken): string {
    const tokens = this.#listOrNone();
    if (tokens.some((token) => token.name === name))
      throw new ConfigError('name', name, 'There is a token of this name. Revoke it first, or choose another name.');
    if (tokens.length >= TOKENS_MAX) throw new ConfigError('name', name, `There are ${TOKENS_MAX} tokens. Revoke some first.`);
    const secret = `${PREFIX}${randomBytes(SECRET_BYTES).toString('base64url')}`;
    const times = {
      created: new Date(nowMs).toISOString(),
      ...(expiresMs === undefined ? {} : { expires: new Date(expiresMs).toISOString() }),
    };
    const token = { name, roles, ...(queues === undefined ? {} : { queues }), sha256: hashOf(secret).toString('hex'), ...times };
    this.#write([...tokens, token]);
    return secret;
  }

  #revoke(name: string): void {
    const tokens = this.list();
    const others = tokens.filter((token) => token.name !== name);
    if (others.length === tokens.length)
      throw new ConfigError(
        'name',
        name,
        `No token has this name. The tokens are: ${tokens.map((token) => token.name).join(', ') || 'none'}.`,
      );
    this.#write(others);
  }

  #listOrNone(): readonly StoredToken[] {
    try {
      return parseTokens(readFileSync(this.#path, 'utf8'), this.#path);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  }

  #write(tokens: readonly StoredToken[]): void {
    try {
      replaceFile(this.#path, `${JSON.stringify({ tokens }, undefined, 2)}\n`, PRIVATE);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigError('tokens', this.#path, `The file cannot be written (${reason}).`);
    }
  }
}
