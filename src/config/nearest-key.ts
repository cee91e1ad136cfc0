/** The key that somebody meant who wrote another one. */

/** The candidate that fewest edits away, if that is near enough to be a slip of the pen; `_`, `-` and case do not count. */
export function nearestKey(written: string, candidates: Iterable<string>): string | undefined {
  const plain = bare(written)
  let best: { readonly key: string; readonly edits: number } | undefined
  for (const key of candidates) {
    const edits = editDistance(plain, bare(key))
    if (edits < (best?.edits ?? Number.POSITIVE_INFINITY)) best = { key, edits }
  }
  // A third of the word: one slip in `name`, four in `health_check_interval`.
  const near = Math.max(1, Math.floor(Math.min(plain.length, maxLength) / 3))
  return best !== undefined && best.edits <= near ? best.key : undefined
}

/** Longer than any key we know: what lies beyond is not compared, so that an absurd key costs little. */
const maxLength = 64
const bare = (key: string): string => key.slice(0, maxLength).toLowerCase().replaceAll(/[-_]/g, '')

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: readonly number[] = []
  let last: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current.push(
        Math.min(
          at(last, column) + 1,
          at(current, column - 1) + 1,
          at(last, column - 1) + (same ? 0 : 1),
          swapped ? at(beforeLast, column - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      )
    }
    beforeLast = last
    last = current
  }
  return at(last, b.length)
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY
