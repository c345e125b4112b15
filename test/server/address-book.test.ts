import { describe, expect, it } from 'vitest';
import { isLoopback } from '../../src/config/node-config.ts';
import { AddressBook, type StoredAddresses } from '../../src/server/address-book.ts';

const line = (id: number, port = 7100 + id) => ({ id, address: `127.0.0.1:${port}` });
const EMPTY: StoredAddresses = { addresses: [], announced: [], configured: [] };

/** A book, and what it has put on disk. */
function aBook(stored = EMPTY): { readonly book: AddressBook; readonly writes: StoredAddresses[] } {
  const writes: StoredAddresses[] = [];
  return { book: new AddressBook({ own: 1, stored, store: (next) => writes.push(next), isAllowed: isLoopback }), writes };
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

  it('are what a node was reached at, until its line of the configuration changes', () => {
    const { book, writes } = aBook();
    book.onConfigured([line(1), line(2)]);
    expect(book.learn(2, '127.0.0.1:9002')).toBe(false);
    expect(book.addressOf(2)).toBe('127.0.0.1:7102');
    book.onReached(2, '127.0.0.1:9002');
    const { book: unchanged } = aBook(writes.at(-1));
    unchanged.onConfigured([line(1), line(2)]);
    expect(unchanged.addressOf(2)).toBe('127.0.0.1:9002');
    expect(unchanged.othersOf(2)).toEqual(['127.0.0.1:7102']);
    const { book: changed } = aBook(writes.at(-1));
    changed.onConfigured([line(1), line(2, 8002)]);
    expect(changed.addressOf(2)).toBe('127.0.0.1:8002');
  });

  it('are not what a node announces while they lead to it; that is remembered, also after a start', () => {
    const { book, writes } = aBook();
    book.onConfigured([line(1), line(2)]);
    book.learn(4, '127.0.0.1:7104');
    const before = writes.length;
    for (const node of [2, 4]) {
      expect(book.learn(node, line(node).address)).toBe(false);
      expect(book.othersOf(node)).toEqual([]);
    }
    expect(writes).toHaveLength(before);
    for (const node of [2, 4]) expect(book.learn(node, line(node, 9000 + node).address)).toBe(false);
    book.onReached(2, '127.0.0.1:7102');
    const { book: again } = aBook(writes.at(-1));
    again.onConfigured([line(1), line(2)]);
    for (const each of [book, again]) {
      expect([2, 4].map((node) => each.addressOf(node))).toEqual(['127.0.0.1:7102', '127.0.0.1:7104']);
      expect([2, 4].map((node) => each.othersOf(node))).toEqual([['127.0.0.1:9002'], ['127.0.0.1:9004']]);
    }
  });

  it('are those at which nodes were added, except where the configuration has a line', () => {
    const { book } = aBook();
    book.onConfigured([line(1), line(2)]);
    book.learn(4, '127.0.0.1:7104');
    expect(book.onAdded(4, '127.0.0.1:9004')).toBe(true);
    expect(book.addressOf(4)).toBe('127.0.0.1:9004');
    expect(book.onAdded(2, '127.0.0.1:9002')).toBe(false);
    expect(book.addressOf(2)).toBe('127.0.0.1:7102');
    expect(book.othersOf(2)).toEqual(['127.0.0.1:9002']);
  });

  it('are never those of other machines where these are not allowed, nor what is no address', () => {
    const { book, writes } = aBook({ ...EMPTY, announced: [{ id: 2, address: '192.0.2.2:7102' }] });
    book.onConfigured([line(1), line(2)]);
    const before = writes.length;
    for (const address of ['192.0.2.1:7102', 'nowhere', '']) {
      for (const node of [2, 4]) expect(book.learn(node, address) || book.onAdded(node, address)).toBe(false);
    }
    expect(writes).toHaveLength(before);
    expect(book.othersOf(2)).toEqual([]);
    expect(book.addressOf(4)).toBeUndefined();
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
    book.learn(256, '127.0.0.1:1');
    expect(book.othersOf(256)).toEqual(['127.0.0.1:1']);
  });
});
