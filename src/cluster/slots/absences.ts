/** How long nodes that have a slot were not members, as one node saw it without a break. */
export class Absences {
  readonly #sinceMs = new Map<string, number>()

  /**
   * To be told again and again.
   * @param nowMs by a clock that is never set
   * @returns those that were away all the time for at least so long, milliseconds
   */
  note(nodes: Iterable<string>, isMember: (node: string) => boolean, nowMs: number, atLeastMs: number): Set<string> {
    const away = new Set([...nodes].filter((node) => !isMember(node)))
    for (const node of this.#sinceMs.keys()) if (!away.has(node)) this.#sinceMs.delete(node)
    const long = new Set<string>()
    for (const node of away) {
      const sinceMs = this.#sinceMs.get(node) ?? nowMs
      this.#sinceMs.set(node, sinceMs)
      if (nowMs - sinceMs >= atLeastMs) long.add(node)
    }
    return long
  }

  /** We could not see who was there. */
  forget(): void {
    this.#sinceMs.clear()
  }
}
