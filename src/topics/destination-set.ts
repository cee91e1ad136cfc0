/**
 * The destinations of one filter. Nearly every filter has a single one, which therefore stands for itself; a set comes with
 * the second, so that a hundred thousand subscribers of one topic come and go in constant time.
 */

/** A class of its own, so that a destination is never mistaken for a set of them. */
class Several<D> extends Set<D> {}

export type Destinations<D extends object> = D | Several<D>

export function holds<D extends object>(held: Destinations<D>, destination: D): boolean {
  return held instanceof Several ? held.has(destination) : held === destination
}

/** With one more, which it does not hold yet. A set is changed in place. */
export function including<D extends object>(held: Destinations<D> | undefined, destination: D): Destinations<D> {
  if (held === undefined) return destination
  return held instanceof Several ? held.add(destination) : new Several([held, destination])
}

/** Without one that it holds; `undefined` if that was the last. A set is changed in place. */
export function excluding<D extends object>(held: Destinations<D>, destination: D): Destinations<D> | undefined {
  if (!(held instanceof Several)) return undefined
  held.delete(destination)
  if (held.size > 1) return held
  const [last] = held
  return last
}

export function appendTo<D extends object>(list: D[], held: Destinations<D>): void {
  if (held instanceof Several) for (const destination of held) list.push(destination)
  else list.push(held)
}

export function countOf<D extends object>(held: Destinations<D>): number {
  return held instanceof Several ? held.size : 1
}

/** The first of them, so many at most. */
export function firstOf<D extends object>(held: Destinations<D>, countMax: number): D[] {
  if (!(held instanceof Several)) return [held].slice(0, countMax)
  const list: D[] = []
  for (const destination of held) {
    if (list.length >= countMax) break
    list.push(destination)
  }
  return list
}
