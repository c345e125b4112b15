import { createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';

export const KEY_BYTES = 32;
export const KEY_ID_BYTES = 8;

/** A key for AES-256-GCM. A `KeyObject` can be passed to a thread, and no text or log shows what it holds. */
export interface EncryptionKey {
  /** 16 hex digits that follow from the key: two keys never have the same id, and a changed key does not keep its own. */
  readonly id: string;
  readonly secret: KeyObject;
}

/** The first one encrypts, all of them decrypt. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

/** @param bytes {@link KEY_BYTES} of them. */
export function encryptionKey(bytes: Uint8Array): EncryptionKey {
  const secret = createSecretKey(bytes);
  return { id: Buffer.from(hkdfSync('sha256', secret, '', 'jobraft key id', KEY_ID_BYTES)).toString('hex'), secret };
}

export const newEncryptionKey = (): EncryptionKey => encryptionKey(randomBytes(KEY_BYTES));

/** The line of a key in a file: its id, and the key in Base64. */
export const lineOf = ({ id, secret }: EncryptionKey): string => `${id} ${secret.export().toString('base64')}`;
