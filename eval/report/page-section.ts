import { readFileSync, writeFileSync } from 'node:fs';
import { UserError } from '../measuring/user-error.ts';

/**
 * Writes a section between `<!-- name -->` and `<!-- end of name -->` of a Markdown page, so that figures are not copied by hand.
 * @throws {UserError} when the page does not have the two markers.
 */
export function writePageSection(page: string, name: string, section: string): void {
  const text = readFileSync(page, 'utf8');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new UserError(`${page} has no place for the table: put ${begin} and ${end} into it.`);
  }
  writeFileSync(page, `${before}${begin}\n${section}\n${end}${after}`);
}
