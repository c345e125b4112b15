import { readFileSync, writeFileSync } from 'node:fs';
import { UserError } from '../user-error.ts';

/**
 * Puts what was measured between `<!-- name -->` and `<!-- end of name -->` of a Markdown page, so that no figure is copied by hand.
 * @throws {UserError} when the page has no such place.
 */
export function writePageSection(page: string, name: string, content: string): void {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new UserError(`${page} has no place for the table: put ${begin} and ${end} into it.`);
  }
  writeFileSync(page, `${before}${begin}\n${content}\n${end}${after}`);
}
