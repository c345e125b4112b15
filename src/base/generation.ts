/**
 * Which state of a disk a node speaks for: a counter that is raised when the file is opened, at checkpoints and when it is closed, and a
 * random number of the life that began with the opening, in one safe integer. Zero is the generation of a file that has none, and of
 * nodes that promise nothing beyond their process; it is accepted everywhere.
 */
export type Generation = number & { readonly [brand]: 'Generation' };
declare const brand: unique symbol;

/** Two openings of copies of one file agree in the random number once in a million cases. */
const LIVES = 2 ** 20;

export const asGeneration = (value: number): Generation => value as Generation;
export const ANY_GENERATION = asGeneration(0);

/** A life's number for {@link nextGeneration}. @param random any non-negative integer. */
export const lifeOf = (random: number): number => 1 + (random % (LIVES - 1));

export const counterOf = (generation: Generation): number => Math.floor(generation / LIVES);
const lifeIn = (generation: Generation): number => generation % LIVES;

/** Whether nothing was opened between the two; no generation is of any life. */
export const isSameLife = (one: Generation, other: Generation): boolean =>
  one === ANY_GENERATION || other === ANY_GENERATION || lifeIn(one) === lifeIn(other);

/** The next counter. @param life of an opening; by default the life goes on. */
export const nextGeneration = (generation: Generation, life = lifeIn(generation)): Generation =>
  asGeneration((counterOf(generation) + 1) * LIVES + life);

/**
 * Whether what is shown may come from the disk on record: it is the same life, whose messages may be late, or a later opening. Everything
 * else is a file that was restored from a copy older than the record, or the late message of an earlier life.
 */
export function isAccepted(record: Generation, shown: Generation): boolean {
  return isSameLife(record, shown) || counterOf(shown) > counterOf(record);
}
