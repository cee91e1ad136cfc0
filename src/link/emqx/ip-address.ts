/** Addresses as Erlang writes them: `{127,0,0,1}` and `{0,0,0,0,0,0,0,1}`. */
import { isIP } from 'node:net'
import { Tuple } from './term.ts'
import type { Term } from './term.ts'

/** `undefined` for a text that is no IP address. A zone (`%eth0`) has no place in the tuple and is left out. */
export function addressTerm(address: string): Tuple | undefined {
  const bare = address.replace(/%.*$/, '')
  switch (isIP(bare)) {
    case 4:
      return new Tuple(bare.split('.').map(Number))
    case 6:
      return new Tuple(groupsOf(bare))
    default:
      return undefined
  }
}

/** The address as text, IPv6 in its shortest form; `undefined` for any other term. */
export function addressOf(term: Term | undefined): string | undefined {
  if (!(term instanceof Tuple)) return undefined
  const { length } = term.elements
  const parts = term.elements.filter((part) => typeof part === 'number').filter((part) => part >= 0)
  if (parts.length !== length) return undefined
  if (length === 4 && parts.every((part) => part < 256)) return parts.join('.')
  if (length === 8 && parts.every((part) => part < 65_536)) return canonical(parts.map(hexadecimal).join(':'))
  return undefined
}

function hexadecimal(part: number): string {
  return part.toString(16)
}

/** Lower case, no dotted tail, the longest run of zeros as `::`. */
function canonical(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1)
}

function groupsOf(address: string): number[] {
  const [head = '', tail] = canonical(address).split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0')
  return [...front, ...zeros, ...back].map((group) => Number.parseInt(group, 16))
}
