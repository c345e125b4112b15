/**
 * Which state of a disk a node's messages are based on: a counter that is raised when the file is opened, at checkpoints and when it is closed,
 * and a random number of the life that began with the opening, in one safe integer. A life of a file lasts from one opening to the next. Zero is the generation of a file that has none, and of
 * nodes whose state does not outlive their process; it is accepted everywhere.
 *
 * Why a copy does not count: let r be a record that the copy is behind, R the voters other than the copied one that have r committed before the copy
 * is opened, and let every majority with the copy in it contain one of R, called m.
 * - If the copy is a candidate, m has the entry of r, which the copy lacks, and rejects it (Raft §5.4.1).
 * - If another node is a candidate, with the copy's vote: it asks all voters at once, so m votes after the copy was opened, and has the entry. Either
 *   the candidate has it, so that its request carries r and the copy stops; or m rejects it.
 * - A leader that has the entry counts no reply of the copy. One that lacks it may have acknowledgements of m from before. It counts another life of a
 *   disk only for the entry that puts this life on record in its log, for what follows it, and for all else once that entry is committed (see
 *   `raft/counting.ts`). The entry is younger than the life, and from then on m replies to no leader that lacks r: r is of m's term, whose leader wrote
 *   it, or of an earlier one, so that every later leader has it. So the entry of the copy's life is never committed there, with the copy or without: a
 *   majority and the copy together are a majority with the copy in it, and contain a member of R that is not the copy.
 * Premises:
 * - "Every majority" is meant of each configuration by which a node may still stand or lead, also of the one before a change that it has not heard of.
 * - No message to an earlier life reaches the present one, since a channel ends with a life: a RequestVote among them.
 * - The record is ahead of the copy: that of an opening alone is so by one, until the copy is opened once more.
 *
 * Lives that are put on record need not wait for a commit, nor for a round of messages: counters only grow, so that a copy that runs beside the disk
 * that it was taken of causes one record at most, and the disk another one, which the copy is behind.
 *
 * What remains is a copy that was taken after the raise that r records: it is of the present generation, and is accepted. And one that is opened before
 * R has r: until then nothing tells it from the next opening of the disk, and different leaders may count both.
 */
export type Generation = number & { readonly [brand]: 'Generation' };
declare const brand: unique symbol;

/** Two openings of copies of one file agree in the random number once in 262,144 cases. */
const LIVES = 2 ** 18;
/**
 * By how much a checkpoint or an orderly end raises the counter; an opening raises it by one. A copy that is opened again and again, without
 * contact to a node that has the record, stays behind the record for that many openings. At one checkpoint a second the counter lasts for 17 years.
 */
const RAISE = 64;

export const asGeneration = (value: number): Generation => value as Generation;
export const ANY_GENERATION = asGeneration(0);

/** @param life see {@link lifeOf}. */
export const makeGeneration = (counter: number, life: number): Generation => asGeneration(counter * LIVES + life);

/** A life's number. @param random any non-negative integer. */
export const lifeOf = (random: number): number => 1 + (random % (LIVES - 1));

export const counterOf = (generation: Generation): number => Math.floor(generation / LIVES);
const lifeIn = (generation: Generation): number => generation % LIVES;

/** Whether nothing was opened between the two; no generation is of any life. */
export const isSameLife = (one: Generation, other: Generation): boolean =>
  one === ANY_GENERATION || other === ANY_GENERATION || lifeIn(one) === lifeIn(other);

/** That of a file which is opened: the beginning of a life. */
export const openedGeneration = (generation: Generation, life: number): Generation => makeGeneration(counterOf(generation) + 1, life);

/** The next one of the same life. */
export const raisedGeneration = (generation: Generation): Generation => makeGeneration(counterOf(generation) + RAISE, lifeIn(generation));

/**
 * Whether what is shown may come from the disk on record: it is the same life, whose messages may be late, or a later opening. Everything
 * else is a file that was restored from a copy older than the record, or the late message of an earlier life.
 */
export function isAccepted(record: Generation, shown: Generation): boolean {
  return isSameLife(record, shown) || counterOf(shown) > counterOf(record);
}
