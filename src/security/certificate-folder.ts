import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../base/errors.ts';
import { PRIVATE, PUBLIC, replaceFile } from '../files/replace-file.ts';
import type { CertificateOwner } from './certificate-owner.ts';
import { type CertifiedKey, hostsOf, newAuthority, newCertificate } from './certificates.ts';

const AUTHORITY = 'ca';

/** Paths of what was written. */
export interface WrittenFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A folder with an authority and the certificates that it has signed. */
export class CertificateFolder {
  readonly #path: string;

  /** @param path created if it does not exist, for its owner alone. */
  constructor(path: string) {
    this.#path = path;
  }

  get authority(): WrittenFiles {
    return this.#filesOf(AUTHORITY);
  }

  /** @throws {ConfigError} when the folder has an authority: its certificates would no longer be accepted. */
  async makeAuthority(name: string, days: number, nowMs: number): Promise<WrittenFiles> {
    const files = this.authority;
    for (const path of [files.certificate, files.key])
      if (existsSync(path)) throw new ConfigError('out', path, 'The folder has an authority already. Use it, or name another folder.');
    mkdirSync(this.#path, { recursive: true, mode: 0o700 });
    return this.#write(files, await newAuthority({ name, days, nowMs }));
  }

  /**
   * @param options.isRenewal replaces a certificate; else an existing one is left as it is. @throws {ConfigError}
   */
  async make(
    owner: CertificateOwner,
    {
      hosts,
      days,
      nowMs,
      isRenewal,
    }: { readonly hosts: readonly string[]; readonly days: number; readonly nowMs: number; readonly isRenewal: boolean },
  ): Promise<WrittenFiles> {
    const files = this.#pathsOf(owner);
    if (!isRenewal && existsSync(files.certificate))
      throw new ConfigError('out', files.certificate, 'The certificate exists. Renew it with --renew, or name another folder.');
    const authority = { certificate: read(this.authority.certificate), key: read(this.authority.key) };
    return this.#write(files, await newCertificate(authority, { owner, hosts, days, nowMs }));
  }

  /** The hosts of the certificate that the owner has; undefined if there is none, or it cannot be read. */
  hostsOf(owner: CertificateOwner): readonly string[] | undefined {
    try {
      return hostsOf(read(this.#pathsOf(owner).certificate));
    } catch {
      return undefined;
    }
  }

  #pathsOf(owner: CertificateOwner): WrittenFiles {
    return this.#filesOf(owner.type === 'node' ? `node-${owner.node}` : `client-${owner.name}`);
  }

  #filesOf(name: string): WrittenFiles {
    return { certificate: join(this.#path, `${name}.crt`), key: join(this.#path, `${name}.key`) };
  }

  /** Each file is replaced as a whole; a node that reads in between goes on with the pair before. */
  #write(files: WrittenFiles, { certificate, key }: CertifiedKey): WrittenFiles {
    replaceFile(files.key, key, PRIVATE);
    replaceFile(files.certificate, certificate, PUBLIC);
    return files;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('out', path, `The authority cannot be read (${reason}). Make one first: "jobraft certs ca".`);
  }
}
