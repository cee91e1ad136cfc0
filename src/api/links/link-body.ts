/** A link as somebody sends it: held to the rules of the configuration file, with secrets that came back masked as they are kept. */
import type { ConfigError } from '../../config/config-error.ts'
import type { LinkConfig } from '../../config/config.ts'
import { isSection, valueAt } from '../../config/key-path.ts'
import { readTextFile, resolveValues } from '../../config/resolve-config.ts'
import { linkSecrets, SECRET_MASK } from '../../config/written-link.ts'
import { ApiError } from '../api-error.ts'

export type FieldError = {
  /** As it is written under the link: `resource_opts.request_ttl`, `topics[1]`; empty for the link as a whole. */
  readonly field: string
  readonly message: string
  /** A fixed word to branch on: EMQX's where it has one. */
  readonly reason: ConfigError['reason'] | 'already_exists' | 'nothing_kept' | 'renamed'
}

export type LinksRead =
  | { readonly type: 'ok'; readonly links: readonly LinkConfig[] }
  | { readonly type: 'invalid'; readonly errors: readonly FieldError[] }

/** What an answer shows of a link beside its settings. It may come back, and is passed over. */
const shownOnly: ReadonlySet<string> = new Set([
  'status',
  'reasons',
  'emqx_status',
  'node_status',
  'speaker',
  'peer',
  'peer_dialect',
])

/**
 * A list of links; fields are named with their index: `[1].topics`.
 * @param name of the local cluster
 * @param bodies of whatever kind
 * @param kept links whose secrets those of the same names go on with
 */
export function readLinks(name: string, bodies: readonly unknown[], kept: readonly LinkConfig[]): LinksRead {
  const links = bodies.map((body) => settingsOf(body))
  const restored = links.map((link) => restoreSecrets(link, keptFor(link, kept)))
  const raw = { cluster: { name, links: restored.map(({ link }) => link) } }
  const resolved = resolveValues(raw, { baseDir: '.', readFile: readTextFile, placeOf: () => ({}), nowMs: Date.now })
  const lacking = restored.flatMap(({ lacking: fields }, index) =>
    fields.map((field): FieldError => ({
      field: `[${index}].${field}`,
      reason: 'nothing_kept',
      message: `${SECRET_MASK} stands for a secret that is kept, and none is: write the secret itself, or leave it out`,
    })),
  )
  const errors = resolved.type === 'ok' ? [] : resolved.errors
  // Of what stands for a secret that is not there nothing else needs to be said.
  const told = errors
    .map(({ key, message, reason }): FieldError => ({ field: key.replace(/^cluster\.links/, ''), message, reason }))
    .filter(({ field }) => !lacking.some((other) => other.field === field))
  if (resolved.type === 'invalid' || lacking.length > 0) return { type: 'invalid', errors: [...lacking, ...told] }
  return { type: 'ok', links: resolved.config.cluster.links }
}

/**
 * The same, so many links at a time, with a turn of the event loop between them. Of bodies that are no good it says so alone: `readLinks`
 * says why.
 * @param rest resolves when something else has had its turn
 */
export async function readLinksInSlices(
  name: string,
  bodies: readonly unknown[],
  kept: readonly LinkConfig[],
  rest: () => Promise<void>,
): Promise<ReadInSlices | undefined> {
  const links: LinkConfig[] = []
  const keptOf = new Map(kept.map((link) => [link.name, link]))
  for (let start = 0; start < bodies.length; start += LINKS_PER_SLICE) {
    const slice = bodies.slice(start, start + LINKS_PER_SLICE)
    const names = slice.flatMap((body) => keptOf.get(nameIn(body) ?? '') ?? [])
    const read = readLinks(name, slice, names)
    if (read.type === 'invalid') return undefined
    links.push(...read.links)
    await rest()
  }
  return new Set(links.map((link) => link.name)).size === links.length ? { links, kept } : undefined
}

/** Links as they were read, and those whose secrets they go on with. */
export type ReadInSlices = { readonly links: readonly LinkConfig[]; readonly kept: readonly LinkConfig[] }

/** Some milliseconds. */
const LINKS_PER_SLICE = 20

/** The same for one link. @param kept the one that it is to replace */
export function readOneLink(name: string, body: unknown, kept: LinkConfig | undefined): LinksRead {
  const read = readLinks(name, [body], kept === undefined ? [] : [kept])
  if (read.type === 'ok') return read
  return { ...read, errors: read.errors.map((error) => ({ ...error, field: error.field.replace(/^\[0\]\.?/, '') })) }
}

/** Throws `ApiError` with everything that is wrong. */
export function readLink(name: string, body: unknown, kept: LinkConfig | undefined): LinkConfig {
  const [link] = readOrThrow(readOneLink(name, body, kept))
  if (link === undefined) throw new Error('one link was read')
  return link
}

/** Throws `ApiError` with everything that is wrong. */
export function readOrThrow(read: LinksRead): readonly LinkConfig[] {
  if (read.type === 'ok') return read.links
  throw invalid(read.errors)
}

/** `message` is text, for people; `kind`, `reason` stand beside it, which EMQX has in a `message` that is then an object. */
export function invalid(errors: readonly FieldError[]): ApiError {
  const message = errors.map(({ field, message: words }) => (field === '' ? words : `${field}: ${words}`)).join('\n')
  return new ApiError(400, 'BAD_REQUEST', message, { kind: 'validation_error', reason: errors[0]?.reason, errors })
}

/** The name that a body gives its link, if it gives one. */
export function nameIn(body: unknown): string | undefined {
  const name = valueAt(body, ['name'])
  return typeof name === 'string' ? name : undefined
}

function settingsOf(body: unknown): unknown {
  if (!isSection(body)) return body
  return Object.fromEntries(Object.entries(body).filter(([key]) => !shownOnly.has(key)))
}

function keptFor(link: unknown, kept: readonly LinkConfig[]): LinkConfig | undefined {
  const name = nameIn(link)
  return kept.find((one) => one.name === name)
}

function restoreSecrets(
  link: unknown,
  kept: LinkConfig | undefined,
): { readonly link: unknown; readonly lacking: readonly string[] } {
  const lacking: string[] = []
  let restored = link
  for (const path of linkSecrets) {
    if (valueAt(link, path) !== SECRET_MASK) continue
    const secret = valueAt(kept, path)
    if (typeof secret === 'string') restored = withValue(restored, path, secret)
    else {
      lacking.push(path.join('.'))
      restored = withValue(restored, path, '')
    }
  }
  return { link: restored, lacking }
}

function withValue(value: unknown, [key, ...rest]: readonly string[], leaf: string): unknown {
  if (key === undefined) return leaf
  return isSection(value) ? { ...value, [key]: withValue(value[key], rest, leaf) } : value
}
