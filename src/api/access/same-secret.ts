/** Comparing secrets without telling by the time how much of a guess was right. */
import { createHash, timingSafeEqual } from 'node:crypto'

/** Of unequal lengths, too: what is compared is a digest of each. */
export function isSameSecret(a: string, b: string): boolean {
  const [first, second] = [a, b].map((text) => createHash('sha256').update(text).digest())
  return timingSafeEqual(first!, second!)
}
