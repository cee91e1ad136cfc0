/**
 * The number under which a route source speaks. A peer believes the higher of two and wipes what the lower one said, so it
 * must grow with every life of the source, also after the wall clock was set back or within one millisecond.
 *
 * @param nowMs milliseconds since 1970; EMQX takes the wall clock alone
 * @param last the last incarnation this node used for any life of the source, 0 if it never had one
 */
export function nextIncarnation(nowMs: number, last: number): number {
  return Math.max(Math.floor(nowMs), last + 1)
}
