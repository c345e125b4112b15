/** The difference of two lists of lines: common lines after two spaces, missing lines after `-`, unexpected lines after `+`. */
export function differenceOf(expected: readonly string[], actual: readonly string[]): string {
  const lengths = commonLengths(expected, actual);
  const lines: string[] = [];
  let [e, a] = [0, 0];
  while (e < expected.length || a < actual.length) {
    const [mine, its] = [expected[e], actual[a]];
    if (mine !== undefined && mine === its) {
      lines.push(`  ${mine}`);
      e += 1;
      a += 1;
    } else if (its === undefined || (mine !== undefined && at(lengths, e + 1, a) >= at(lengths, e, a + 1))) {
      lines.push(`- ${mine}`);
      e += 1;
    } else {
      lines.push(`+ ${its}`);
      a += 1;
    }
  }
  return lines.join('\n');
}

const at = (table: readonly (readonly number[])[], row: number, column: number): number => table[row]?.[column] ?? 0;

/** How many lines the two have in common, in order, from each pair of positions on. */
function commonLengths(expected: readonly string[], actual: readonly string[]): readonly (readonly number[])[] {
  const table = Array.from({ length: expected.length + 1 }, () => new Array<number>(actual.length + 1).fill(0));
  for (let e = expected.length - 1; e >= 0; e -= 1) {
    const row = table[e] as number[];
    for (let a = actual.length - 1; a >= 0; a -= 1) {
      row[a] = expected[e] === actual[a] ? at(table, e + 1, a + 1) + 1 : Math.max(at(table, e + 1, a), at(table, e, a + 1));
    }
  }
  return table;
}
