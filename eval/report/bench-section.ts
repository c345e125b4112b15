import type { BenchSession } from '../bench/bench-file.ts';
import { describeGoal, describeValue, mediansOf, summarize, titleOf } from '../bench/bench-table.ts';
import { FLOOR } from '../bench/figure.ts';
import { formatNumber } from '../measuring/format.ts';

/**
 * One session of the bench as Markdown: the figures with goals, those beside them, and below them the floor of the machine.
 * @param runtime its Node.js, as in `process.version`, if known.
 */
export function benchSection({ figures, session, commit, nodes, durability }: BenchSession, runtime: string | undefined): string {
  const medianOf = mediansOf(figures);
  const lines = summarize(figures)
    .filter(({ definition }) => definition.goals !== undefined || definition.isShown === true)
    .map((summary) => {
      const goals = (summary.definition.goals ?? []).map((goal) => describeGoal(goal, summary, medianOf)).join(', ') || '–';
      return `| ${titleOf(summary)} | ${describeValue(summary)} | ${goals.replaceAll('MISSED', '**missed**')} |`;
    });
  const floors = Object.values(FLOOR).flatMap((name) => {
    const value = medianOf(name);
    return value === undefined ? [] : [`${name.replace('floor: ', '')} ${formatNumber(value)} ${name.includes('disk') ? 'MB/s' : 'ms'}`];
  });
  return [
    '| what | median (range) | goal |',
    '| --- | --- | --- |',
    ...lines,
    '',
    `${nodes} nodes, durability ${durability}, one session (${session.slice(0, 10)}, commit ${commit.slice(0, 7)}, Node.js ${runtime ?? 'unknown'}). The machine itself:`,
    `${floors.join('; ')}.`,
  ].join('\n');
}
