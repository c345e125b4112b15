import { describe, expect, it } from 'vitest';
import { AddressBook, type StoredAddresses } from '../../src/server/address-book.ts';

const line = (id: number, port = 7100 + id) => ({ id, address: `127.0.0.1:${port}` });
const EMPTY: StoredAddresses = { addresses: [], configured: [] };

/** A book, and what it has put on disk. */
function aBook(stored = EMPTY): { readonly book: AddressBook; readonly writes: StoredAddresses[] } {
  const writes: StoredAddresses[] = [];
  return { book: new AddressBook(1, stored, (next) => writes.push(next)), writes };
}

describe('the addresses of the nodes', () => {
  it('are those of the configuration, and of nodes that are added later, also after a start', () => {
    const { book, writes } = aBook();
    book.onConfigured([line(1), line(2)]);
    expect(book.learn(4, '127.0.0.1:7104')).toBe(true);
    const { book: again, writes: rewrites } = aBook(writes.at(-1));
    again.onConfigured([line(1), line(2)]);
    expect([...again.of([1, 2, 3, 4])]).toEqual([1, 2, 4].map((id) => [id, `127.0.0.1:${7100 + id}`]));
    expect(rewrites).toEqual([]);
  });

  it('are what a node announces itself, until its line of the configuration changes', () => {
    const { book, writes } = aBook();
    book.onConfigured([line(1), line(2)]);
    book.learn(2, '127.0.0.1:9002');
    const { book: unchanged } = aBook(writes.at(-1));
    unchanged.onConfigured([line(1), line(2)]);
    expect(unchanged.addressOf(2)).toBe('127.0.0.1:9002');
    const { book: changed } = aBook(writes.at(-1));
    changed.onConfigured([line(1), line(2, 8002)]);
    expect(changed.addressOf(2)).toBe('127.0.0.1:8002');
  });

  it('stay when their lines are removed from the configuration', () => {
    const { book, writes } = aBook();
    book.onConfigured([line(1), line(2)]);
    const { book: again } = aBook(writes.at(-1));
    again.onConfigured([line(1)]);
    expect(again.addressOf(2)).toBe('127.0.0.1:7102');
  });

  it('has its own from its configuration only', () => {
    const { book } = aBook();
    book.onConfigured([line(1)]);
    expect(book.learn(1, '127.0.0.1:9001')).toBe(false);
    expect(book.addressOf(1)).toBe('127.0.0.1:7101');
  });

  it('are bounded, whatever callers announce', () => {
    const { book } = aBook();
    for (let node = 1; node <= 10_000; node += 1) book.learn(node, line(node).address);
    expect(book.nodes.length).toBe(256);
    expect(book.learn(256, '127.0.0.1:1')).toBe(true);
  });
});
