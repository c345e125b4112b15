import { type ByteReader, type ByteWriter, MalformedBytesError } from '../base/bytes.ts';
import { CHILD_FAILURE_RULES, CHILD_STATUSES } from '../protocol/flow.ts';
import { RECORD_PAGE_JOBS } from './checkpoint-layout.ts';
import { ChildLink, FlowParent } from './flow-link.ts';

/** In the second byte: another parent, or queue, than the link before. */
const OTHER_PARENT = 64;
const HAS_CUSTOM_ID = 128;
const STATUS_SHIFT = 3;
const RULE_BITS = 7;
const STATUS_BITS = 7;

/**
 * A page of the links of children with neighbouring ids, without their values:
 * ```
 * link  [u8 position in the page][u8 onFailure, status and flags], then, by the flags:
 * 64    [f64 parent][text queue]       another parent or queue than that of the link before
 * 128   [text customId]
 *       [u32 valueLength]
 * ```
 */
export function writeLinks(to: ByteWriter, links: readonly ChildLink[]): void {
  let before: ChildLink | undefined;
  for (const link of links) {
    writeLink(to, link, before);
    before = link;
  }
}

export function writeLink(to: ByteWriter, link: ChildLink, before: ChildLink | undefined): void {
  const { id, parent, queue, customId, onFailure, status, valueLength } = link;
  const isOther = parent !== before?.parent || queue !== before.queue;
  to.u8(id % RECORD_PAGE_JOBS);
  to.u8(onFailure | (status << STATUS_SHIFT) | (isOther ? OTHER_PARENT : 0) | (customId === undefined ? 0 : HAS_CUSTOM_ID));
  if (isOther) {
    to.f64(parent.id);
    to.text(queue);
  }
  if (customId !== undefined) to.text(customId);
  to.u32(valueLength);
}

/** @param parents by id; gets those that are new. @throws {MalformedBytesError} */
export function* readLinks(page: number, from: ByteReader, parents: Map<number, FlowParent>): Generator<ChildLink> {
  let before: ChildLink | undefined;
  while (from.remaining > 0) {
    const id = page * RECORD_PAGE_JOBS + from.u8();
    const flags = from.u8();
    const onFailure = flags & RULE_BITS;
    const status = (flags >> STATUS_SHIFT) & STATUS_BITS;
    if (onFailure >= CHILD_FAILURE_RULES.length || status >= CHILD_STATUSES.length)
      throw new MalformedBytesError(`the child ${id} has the rule ${onFailure} and the status ${status}`);
    let { parent, queue = '' }: Partial<Pick<ChildLink, 'parent' | 'queue'>> = before ?? {};
    if ((flags & OTHER_PARENT) !== 0) {
      parent = parentOf(from.f64(), parents);
      queue = from.text();
    }
    if (parent === undefined) throw new MalformedBytesError(`the child ${id} refers to a child before it that is missing`);
    const link = new ChildLink(id, parent, queue, (flags & HAS_CUSTOM_ID) === 0 ? undefined : from.text(), onFailure);
    link.status = status;
    link.valueLength = from.u32();
    link.isValueStored = link.valueLength > 0;
    before = link;
    yield link;
  }
}

function parentOf(id: number, parents: Map<number, FlowParent>): FlowParent {
  const known = parents.get(id) ?? new FlowParent(id);
  parents.set(id, known);
  return known;
}
