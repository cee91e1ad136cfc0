/** What the schema refuses, in words for people: what is wrong, what is allowed, and which key was meant. */
import type * as z from 'zod'
import type { ConfigError, ConfigErrorReason, ConfigWarning, RefusedTopic } from './config-error.ts'
import { allowedKeys, everyKey, notSupported } from './config-schema.ts'
import { alternatives } from './fields.ts'
import type { Place } from './hocon/hocon.ts'
import { unresolvedIn } from './hocon/hocon-unresolved.ts'
import { isSection, type KeyPath, valueAt } from './key-path.ts'
import { nearestKey } from './nearest-key.ts'

/** An error that does not know yet where its key stands. */
export type Finding = Omit<ConfigError, 'file' | 'line' | 'key'> & {
  readonly path: KeyPath
  /** Where it stands instead, if not where the key does: in a file that the key names. */
  readonly place?: Place
}

/** A warning that does not know yet where its key stands. */
export type Remark = Omit<ConfigWarning, 'file' | 'line' | 'key'> & { readonly path: KeyPath }

/** `raw` is what was validated. */
export function findingsOf(issues: readonly z.core.$ZodIssue[], raw: unknown): Finding[] {
  return someOf(issues).flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))
    if (issue.code === 'unrecognized_keys')
      return issue.keys.slice(0, toldMax).map((key) => unknownKey([...path, key], raw))
    const value = valueAt(raw, path)
    return holdsUnresolved(value) ? [] : [refusedValue(issue, path, value)]
  })
}

/** Nobody reads more at once, and to find the key that was meant takes its time. */
const toldMax = 50

function someOf(issues: readonly z.core.$ZodIssue[]): readonly z.core.$ZodIssue[] {
  let left = toldMax
  return issues.filter((issue) => {
    const isTold = left > 0
    left -= issue.code === 'unrecognized_keys' ? issue.keys.length : 1
    return isTold
  })
}

function refusedValue(issue: z.core.$ZodIssue, path: KeyPath, value: unknown): Finding {
  if (issue.code === 'invalid_key') {
    const message = `this name is no good; ${issue.issues[0]?.message ?? 'expected another'}`
    return { path, reason: 'bad_name', message }
  }
  if (value === undefined) return { path, reason: 'required_field', message: `is missing; ${issue.message}` }
  const { reason, problem, topics } = paramsOf(issue)
  const shown = shownValue(path, value)
  const got = problem ?? describe(path, value)
  return {
    path,
    reason: reason ?? reasonOf(issue),
    message: got === '' ? issue.message : `${got}; ${issue.message}`,
    ...(shown === undefined ? {} : { value: shown }),
    ...(topics === undefined ? {} : { topics }),
  }
}

/** Errors of the schema library's own kinds. What our fields refuse carries its reason along. */
function reasonOf(issue: z.core.$ZodIssue): ConfigErrorReason {
  // A kind of section that is told by a word in it: the word is one of EMQX's, or of nobody's.
  if (issue.code === 'invalid_union' && 'discriminator' in issue) return 'not_supported'
  return issue.code === 'invalid_type' || issue.code === 'invalid_union' ? 'wrong_type' : 'bad_value'
}

type Params = { reason?: ConfigErrorReason; problem?: string; topics?: readonly RefusedTopic[] }

function paramsOf(issue: z.core.$ZodIssue): Params {
  return issue.code === 'custom' && issue.params !== undefined ? (issue.params as Params) : {}
}

/** A value is never shown: a misspelt `password` is still one. */
function unknownKey(path: KeyPath, raw: unknown): Finding {
  const feature = notSupported(path)
  if (feature !== undefined) {
    return {
      path,
      reason: 'not_supported',
      message: `this version of Isthmus does not have ${feature}; leave the key out`,
    }
  }
  return { path, reason: 'unknown_key', message: `unknown key; ${hint(path, raw)}` }
}

function hint(path: KeyPath, raw: unknown): string {
  const name = String(path.at(-1))
  const allowed = allowedKeys(path.slice(0, -1)) ?? []
  const here = valueAt(raw, path.slice(0, -1))
  const unused = allowed.filter((key) => !isSection(here) || !Object.hasOwn(here, key))
  const near = nearestKey(name, unused) ?? nearestKey(name, allowed)
  if (near !== undefined) return `did you mean "${near}"?${allowed.length > fewKeys ? '' : ` ${allowedHere(allowed)}`}`
  const elsewhere = keysNamed(name)
  if (elsewhere.length > 0 && elsewhere.length <= 3) return `there is ${alternatives(elsewhere)}`
  return allowedHere(allowed)
}

function keysNamed(name: string): readonly string[] {
  if (keysByName.size === 0) {
    for (const key of everyKey()) {
      const last = key.slice(key.lastIndexOf('.') + 1)
      keysByName.set(last, [...(keysByName.get(last) ?? []), key])
    }
  }
  return keysByName.get(name) ?? []
}

/** By the last part of each key. Made when it is first asked for. */
const keysByName = new Map<string, readonly string[]>()

/** As many as fit on a line beside the rest. */
const fewKeys = 8
const allowedHere = (allowed: readonly string[]): string => `allowed here: ${allowed.join(', ')}`

/** What may be shown of a value: one word, and no secret. */
function shownValue(path: KeyPath, value: unknown): ConfigError['value'] {
  if (isSecret(path) || value === null) return isSecret(path) ? undefined : null
  if (typeof value === 'number' || typeof value === 'boolean') return value
  return typeof value === 'string' ? withoutUser(value) : undefined
}

function describe(path: KeyPath, value: unknown): string {
  if (Array.isArray(value)) return 'got a list'
  if (isSection(value)) return 'got a section'
  const shown = shownValue(path, value)
  if (shown === undefined) return ''
  return `got ${typeof shown === 'string' ? JSON.stringify(short(shown)) : String(shown)}`
}

const short = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}...` : text)
/** `mqtt://user:secret@host` without what stands before the `@`. */
const withoutUser = (text: string): string =>
  text.replaceAll(/[^/\s,]+/g, (part) => {
    // Up to the last `@`, and not by the pattern itself: one that looks for it goes over a long word from each of its characters.
    const host = part.lastIndexOf('@') + 1
    return part.slice(0, host).includes(':') ? `***@${part.slice(host)}` : part
  })

/** Keys whose values are never repeated; a private key may be written in place of its file's name. */
function isSecret(path: KeyPath): boolean {
  return path.some(
    (part) => typeof part === 'string' && /pass|secret|token|keyfile|^nkey$|^headers$|^body$/i.test(part),
  )
}

function holdsUnresolved(value: unknown): boolean {
  return Array.isArray(value) ? value.some(holdsUnresolved) : unresolvedIn(value) !== undefined
}
