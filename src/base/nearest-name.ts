const DISTANCE_MAX = 3;

/** The name that was probably meant: a known name that differs by a few letters, or that begins with the given one. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const key = given.toLowerCase();
  const named = known.map((name) => ({ name, distance: editDistance(key, name.toLowerCase()) }));
  const nearest = named.sort((a, b) => a.distance - b.distance)[0];
  // For a short name, a few letters are all of it.
  const distanceMax = Math.min(DISTANCE_MAX, Math.ceil(key.length / 2));
  if (nearest !== undefined && nearest.distance <= distanceMax) return nearest.name;
  return known.find((name) => key.startsWith(name.toLowerCase()));
}

/** The number of letters to change, add or remove to turn one name into the other (Levenshtein). */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const substituted = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(substituted, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
