import { describe, expect, it } from 'vitest';
import { type EncryptionKeys, newEncryptionKey } from '../../src/encryption/encryption-key.ts';
import { RecordCipher, SEAL_BYTES, SealError } from '../../src/encryption/record-cipher.ts';

const KEYS: EncryptionKeys = [newEncryptionKey()];
const HERE = Uint8Array.of(1, 2, 3);
const DATA = new TextEncoder().encode('a payload');

/** Key id, salt and count: what makes a nonce of a key unique. */
const nonceOf = (sealed: Uint8Array): string => Buffer.from(sealed.subarray(1, 29)).toString('hex');

describe('a sealed record', () => {
  it('opens in its place with any cipher that has its key, and shows nothing of its contents', () => {
    const sealed = new RecordCipher({ keys: KEYS }).seal(DATA, HERE);
    expect(sealed).toHaveLength(DATA.length + SEAL_BYTES);
    expect(Buffer.from(sealed).includes('payload')).toBe(false);
    const later = new RecordCipher({ keys: [newEncryptionKey(), ...KEYS] });
    expect(later.open(sealed, HERE)).toEqual(DATA);
    expect(later.open(new RecordCipher({ keys: KEYS }).seal(Uint8Array.of(), HERE), HERE)).toHaveLength(0);
  });

  it('does not open with any flipped bit, a part of it, another place, or without its key', () => {
    const cipher = new RecordCipher({ keys: KEYS });
    const sealed = cipher.seal(DATA, HERE);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const flipped = sealed.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => cipher.open(flipped, HERE), `bit ${bit}`).toThrow(SealError);
    }
    for (let length = 0; length < sealed.length; length += 1)
      expect(() => cipher.open(sealed.subarray(0, length), HERE)).toThrow(SealError);
    expect(() => cipher.open(sealed, Uint8Array.of(1, 2, 4))).toThrow(SealError);
    expect(() => new RecordCipher({ keys: [newEncryptionKey()] }).open(sealed, HERE)).toThrow(SealError);
  });

  it('has a nonce of its own, among all that any cipher of the key made', () => {
    const nonces = new Set<string>();
    for (let opening = 0; opening < 50; opening += 1) {
      const cipher = new RecordCipher({ keys: KEYS });
      for (let record = 0; record < 100; record += 1) nonces.add(nonceOf(cipher.seal(DATA, HERE)));
    }
    expect(nonces.size).toBe(5_000);
  });

  it('is of another derived key once the nonces of the first are used up', () => {
    let salts = 0;
    const newSalt = (): Uint8Array => {
      salts += 1;
      return new Uint8Array(16).fill(salts);
    };
    const cipher = new RecordCipher({ keys: KEYS, newSalt, recordsMax: 3 });
    const sealed = Array.from({ length: 8 }, () => cipher.seal(DATA, HERE));
    expect(salts).toBe(3);
    expect(new Set(sealed.map(nonceOf)).size).toBe(8);
    for (const record of sealed) expect(cipher.open(record, HERE)).toEqual(DATA);
  });
});
