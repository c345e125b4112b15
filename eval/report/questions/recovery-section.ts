import { recoveryTitle } from '../../charts/questions/recovery-chart.ts';
import { countOf, formatCount, formatMedian, formatSpread } from '../../measuring/format.ts';
import type { Answer } from '../../questions/question-file.ts';
import type { RecoveryRow } from '../../questions/recovery/recovery.ts';
import type { Section } from '../table.ts';

export function recoverySection(answer: Answer<RecoveryRow>): Section {
  const { rows } = answer;
  const groups = Map.groupBy(rows, ({ commands, entry, checkpoints }) => `${commands} ${entry} ${checkpoints}`);
  return {
    title: 'How fast is recovery?',
    brief: `${recoveryTitle(answer)}.`,
    note: `A history of adds and removals of jobs of 64 B leaves 1,000 waiting jobs, whatever its length. Then a follower is stopped and started again, and a node with an empty folder joins; each ends when the node has applied what the leader has committed. Without checkpoints the whole log is kept and applied. Batched: about 2,000 commands an entry; single: one. ${timesOf([...groups.values()])} The disk is what the stopped node has.`,
    table: {
      header: [
        'Commands',
        'Entries',
        'Checkpoints',
        'Log entries',
        'Checkpoints written',
        'Restart (ms)',
        'Disk (MB)',
        'Join (ms)',
        'Disk of the new node (MB)',
      ],
      rows: [...groups.values()].map(cellsOf),
    },
    charts: ['recovery'],
  };
}

/** `n = 2 times each.` */
function timesOf(groups: readonly (readonly RecoveryRow[])[]): string {
  const times = groups.flatMap((rows) => (['restart', 'join'] as const).map((event) => rows.filter((row) => row.event === event).length));
  const [least, most] = [Math.min(...times), Math.max(...times)];
  return `n = ${least === most ? countOf(most, 'time') : `${least} to ${countOf(most, 'time')}`} each; the disk is a median.`;
}

function cellsOf(rows: readonly RecoveryRow[]): readonly string[] {
  const { commands, entry, checkpoints, log_entries, checkpoints_written } = rows[0] as RecoveryRow;
  return [
    formatCount(commands),
    entry,
    checkpoints,
    formatCount(log_entries),
    formatCount(checkpoints_written),
    ...(['restart', 'join'] as const).flatMap((event) => {
      const of = rows.filter((row) => row.event === event);
      return [tookOf(of), diskOf(of)];
    }),
  ];
}

function tookOf(rows: readonly RecoveryRow[]): string {
  const values = rows.flatMap(({ took_ms }) => (took_ms === null ? [] : [took_ms]));
  if (rows.length === 0) return '–';
  return values.length < rows.length ? '> 60,000' : formatSpread(values);
}

function diskOf(rows: readonly RecoveryRow[]): string {
  const values = rows.flatMap(({ disk_bytes }) => (disk_bytes === null ? [] : [disk_bytes]));
  return formatMedian(values.map((bytes) => bytes / 1e6));
}
