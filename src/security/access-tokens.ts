import { timingSafeEqual } from 'node:crypto';
import type { ConfigError } from '../base/errors.ts';
import type { Permission } from '../protocol/permission.ts';
import { RenewedFiles } from './renewed-files.ts';
import { permissionsOf, type Role } from './roles.ts';
import { hashOf, readTokens, type StoredToken } from './token-file.ts';

/** What a token permits its bearer. */
export interface Grant {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly permissions: ReadonlySet<Permission>;
  /** The only queues. Undefined: all. */
  readonly queues: ReadonlySet<string> | undefined;
}

export interface AccessTokensOptions {
  readonly path: string;
  readonly onRejected: (error: ConfigError) => void;
  readonly nowMs?: () => number;
  readonly reloadEveryMs?: number;
}

interface Token {
  readonly hash: Buffer;
  readonly expiresMs: number;
  readonly grant: Grant;
}
interface Tokens {
  readonly tokens: readonly Token[];
  /** Of those that are not over. */
  readonly names: readonly string[];
  /** Of what the file has, and of which tokens are over. */
  readonly text: string;
}

const BEARER = /^Bearer +(\S+)$/i;

/** The tokens of a node, which are read again when their file changes. A token that is over counts as changed. */
export class AccessTokens extends RenewedFiles<Tokens> {
  readonly #nowMs: () => number;

  /** @throws {ConfigError} */
  constructor({ path, onRejected, nowMs = Date.now, reloadEveryMs }: AccessTokensOptions) {
    super({
      ...{ onRejected, reloadEveryMs },
      read: () => tokensOf(readTokens(path), nowMs()),
      isSame: (one, other) => one.text === other.text,
    });
    this.#nowMs = nowMs;
  }

  /** @param authorization the header of a call. @returns what it permits, or why it permits nothing. */
  grantOf(authorization: string | undefined): Grant | string {
    if (authorization === undefined) return 'The call has no token.';
    const secret = BEARER.exec(authorization)?.[1];
    if (secret === undefined) return 'The header "authorization" is not "Bearer <token>".';
    const hash = hashOf(secret);
    // All of them, so that the time says nothing about any.
    const [found] = this.current.tokens.filter((token) => timingSafeEqual(token.hash, hash));
    if (found === undefined) return 'No token has this secret: it was revoked, or never made.';
    if (found.expiresMs <= this.#nowMs()) return `The token "${found.grant.name}" expired at ${new Date(found.expiresMs).toISOString()}.`;
    return found.grant;
  }
}

function tokensOf(stored: readonly StoredToken[], nowMs: number): Tokens {
  const tokens = stored.map(({ name, roles, queues, sha256, expires }) => ({
    hash: Buffer.from(sha256, 'hex'),
    expiresMs: expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires),
    grant: { name, roles, permissions: permissionsOf(roles), queues: queues === undefined ? undefined : new Set(queues) },
  }));
  const names = tokens.filter(({ expiresMs }) => expiresMs > nowMs).map(({ grant }) => grant.name);
  return { tokens, names, text: JSON.stringify([stored, tokens.map(({ expiresMs }) => expiresMs <= nowMs)]) };
}
