import type { NodeEvent } from '../node/event.ts';

/**
 * Hard cases that a good set of seeds reaches at least sometimes. Counted, so that one can see that a fault which is never met is not
 * taken for one that is survived.
 */
export const SOMETIMES = [
  'leader elected',
  'election timed out without a leader',
  'follower truncated its log',
  'log truncated over several turns',
  'committed entry of an earlier term with one of its own',
  'entry deleted that stood on several disks (Figure 8)',
  'leader stepped down without a majority (CheckQuorum)',
  'leader deposed by a newer term',
  'snapshot sent',
  'snapshot installed',
  'snapshot of several chunks',
  'election while a snapshot was on its way',
  'log compacted',
  'crash before a write was on disk',
  'crash after a write was on disk',
  'node restarted',
  'disk lost',
  'disk restored from an older copy',
  'restored copy found out',
  'replaced leader reached only a restored copy',
  'disk given up for a repair',
  'disk given up while another was rebuilt',
  'members changed while a disk was rebuilt',
  'repair rejected, or not yet granted',
  'damage found at the start',
  'damage found while running',
  'disk stalled',
  'node paused',
  'partition',
  'one-way partition',
  'wall clock went back',
  'wall clock stepped by hours or days',
  'everything stood still for over an hour',
  'more sessions opened than are remembered',
  'configuration appended',
  'joint configuration committed',
  'uncommitted configuration truncated',
  'leader removed',
  'node told that it is removed',
  'joining node became a voter',
  'voter replaced after its disk was lost',
  'change named a node more than once',
  'replacement cancelled together with a removal',
  'replacement cancelled while a lost disk was replaced',
  'voter lost its disk while it was leaving',
  'voters asked to leave while another had lost its disk',
  'voters about to leave while another had lost its disk',
  'leadership transferred',
  'transfer given up',
  'leader received nothing',
  'leader slept while it was cut off',
  'new leader got old messages again',
  'restarted node got old messages again',
  'restarted node got replies to its earlier life',
  'old and new members cut off from each other',
  'leader handed over and did not hear of its successor',
  'request answered that had been sent again',
  'job claimed again after a failure',
  'job claimed again after it stalled',
  'job begun that had been claimed ahead',
  'job failed since it stalled too often',
  'leases of a holder released',
  'session expired',
  'session ended since it was idle',
  'session evicted since there were too many',
  'request rejected since its reply was forgotten',
  'late request rejected behind the end of its session',
  'more than three requests unanswered',
  'client ended with requests under way',
  'delayed job promoted',
  'priority of a job changed',
  'delay of a job changed',
  'progress of a job set',
  'progress of a job read',
  'data of a job replaced',
  'replaced data of a job read',
  'row of a log added',
  'row of a log dropped for later ones',
  'rows of a log dropped at once',
  'log of a job read',
  'transaction took effect',
  'transaction rejected because of one operation',
  'job added again with its id',
  'duplicate of a job not added',
  'duplicate claimed that was kept until a job ended',
  'deduplication id set free',
  'finished job kept for a time',
  'job of a tick claimed',
  'job scheduler removed',
  'flow added',
  'parent claimed after its children',
  'child separated from its parent',
  'results of children read from their parent',
  'failures of children read from their parent',
  'job removed by its state and age',
  'events of a queue read',
  'events of a queue dropped',
  'recording of events ended',
  'active jobs of a queue limited',
  'rate of a queue limited',
  'claims of a queue held back for a time',
  'jobs claimed under a limit that the claim brought',
  'jobs held back by a pause or a limit of their queue',
  'stale token rejected',
  'finished job removed to keep later ones',
  'finished job left kept ones for the next to remove',
  'job claimed again after a longer pause',
  'result read',
  'payload of 64 KiB and more returned',
  'payload rejected since it is too large',
  'more due than one entry takes',
  'claim waited for a job',
  'linearizable query answered',
  'lease query answered',
  'stale query answered',
  'query turned away',
  'request turned away',
  'call ended with an unknown outcome',
  'call ended that was not applied',
  'node restarted with newer code',
  'node restarted with other limits',
  'cluster moved to a newer version',
  'cluster moved on from version 3',
  'client renewed its session with requests under way',
  'leader cut off while something was due',
  'something due under a leader without requests',
] as const;
export type Sometimes = (typeof SOMETIMES)[number];

export class Coverage {
  readonly counts = new Map<Sometimes, number>();

  add(what: Sometimes, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count);
  }

  observe(event: NodeEvent, isSnapshotRunning: boolean): void {
    switch (event.type) {
      case 'role':
        if (event.role === 'leader') this.add('leader elected');
        break;
      case 'election-timeout':
        this.add('election timed out without a leader');
        if (isSnapshotRunning) this.add('election while a snapshot was on its way');
        break;
      case 'truncated':
        this.add('follower truncated its log');
        break;
      case 'snapshot-sent':
        this.add('snapshot sent');
        if (event.chunks > 1) this.add('snapshot of several chunks');
        break;
      case 'snapshot-installed':
        this.add('snapshot installed');
        break;
      case 'compacted':
        this.add('log compacted');
        break;
      case 'configuration':
        this.add('configuration appended');
        break;
      case 'removed':
        this.add('node told that it is removed');
        break;
      case 'disk-lost':
        this.add('voter replaced after its disk was lost');
        break;
      case 'transfer':
        if (event.outcome === 'asked') this.add('leadership transferred');
        if (event.outcome === 'given-up') this.add('transfer given up');
        break;
      default:
    }
  }
}
