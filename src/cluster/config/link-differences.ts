/** Where a configuration file and what the cluster shares say different things of its links. */
import { isDeepStrictEqual } from 'node:util'
import type { LinkConfig } from '../../config/config.ts'

export type LinkDifference = {
  /** As in the file: `cluster.links.eu-west.topics`; a whole link where one side lacks it. */
  readonly key: string
  /** For people; secrets are not shown. */
  readonly file: string
  readonly shared: string
}

const LACKING = 'no such link'
const SECRET = /(^|\.)(password|keyfile)$/

/** In the order of the names of the links. */
export function linkDifferences(file: readonly LinkConfig[], shared: readonly LinkConfig[]): readonly LinkDifference[] {
  const [inFile, inShared] = [file, shared].map((links) => new Map(links.map((link) => [link.name, link])))
  const names = [...new Set([...inFile!.keys(), ...inShared!.keys()])].toSorted()
  return names.flatMap((name) => {
    const [here, there] = [inFile!.get(name), inShared!.get(name)]
    const key = `cluster.links.${name}`
    if (here === undefined) return [{ key, file: LACKING, shared: `a link to ${there!.server}` }]
    if (there === undefined) return [{ key, file: `a link to ${here.server}`, shared: LACKING }]
    return fieldDifferences(here, there, key)
  })
}

function fieldDifferences(file: unknown, shared: unknown, key: string): LinkDifference[] {
  if (isDeepStrictEqual(file, shared)) return []
  if (!isSection(file) || !isSection(shared)) return [{ key, file: words(key, file), shared: words(key, shared) }]
  const names = [...new Set([...Object.keys(file), ...Object.keys(shared)])]
  return names.flatMap((name) => fieldDifferences(file[name], shared[name], `${key}.${name}`))
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function words(key: string, value: unknown): string {
  if (value === undefined) return 'not set'
  if (SECRET.test(key) || (typeof value === 'string' && value.includes('PRIVATE KEY-----'))) return '******'
  if (value === Number.POSITIVE_INFINITY) return 'infinity'
  return JSON.stringify(value)
}
