/** What a real EMQX 5.10 computed for topics and filters, recorded in `golden-topic.json`. */
import { readFileSync } from 'node:fs'

export type Golden = {
  readonly match: readonly { readonly name: string; readonly filter: string; readonly result: boolean }[]
  readonly intersection: readonly { readonly t1: string; readonly t2: string; readonly result: string | false }[]
  readonly union: readonly { readonly set: readonly string[]; readonly result: readonly string[] }[]
  readonly validate_filter: readonly { readonly topic: string; readonly result: true | { readonly error: string } }[]
}

/** From the root of the package: compiled tests lie elsewhere than their fixtures. */
export function readGolden(): Golden {
  const golden: Golden = JSON.parse(readFileSync('test/fixtures/wire/golden-topic.json', 'utf8'))
  return golden
}
