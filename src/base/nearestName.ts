/**
 * Number of single-character insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
 * (optimal string alignment distance). O(|a|·|b|).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        best = Math.min(best, beforeLast[j - 2]! + 1);
      }
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/**
 * The known name most likely meant by `name`: the smallest edit distance, ignoring case; undefined when even that is more
 * than half of the longer name. Among equals the first one wins.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  // Names come from files and may be of any length; the distance is quadratic.
  const asked = name.slice(0, 200).toLowerCase();
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of known) {
    const other = candidate.slice(0, 200).toLowerCase();
    const limit = Math.floor(Math.max(asked.length, other.length) / 2);
    if (Math.abs(asked.length - other.length) > Math.min(limit, bestDistance)) {
      continue;
    }
    const distance = editDistance(asked, other);
    if (distance <= limit && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}
