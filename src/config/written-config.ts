/**
 * A configuration the way a file writes it: what stands there as it stands there, every default filled in, secrets masked. Read again,
 * it gives the same configuration, but for the secrets.
 */
import { dirname } from 'node:path'
import * as z from 'zod'
import { configSchema } from './config-schema.ts'
import { writingOf } from './fields.ts'
import type { Env } from './hocon/hocon.ts'
import { readHocon } from './hocon/hocon.ts'
import { isSection } from './key-path.ts'
import { defaultBinds } from './listeners/resolve-listeners.ts'
import { readTextFile } from './resolve-config.ts'
import { SECRET_MASK } from './written-link.ts'

export type WrittenConfig = Readonly<Record<string, unknown>> & {
  readonly cluster: { readonly [key: string]: unknown; readonly name: string }
}

/** Name of a cluster about which nothing is said. EMQX's. */
const CLUSTER = 'emqxcl'

/** Of a file that `loadConfigFile` has found good. */
export async function loadWrittenConfig(file: string, env: Env): Promise<WrittenConfig> {
  const place = { file, baseDir: dirname(file) }
  const document = await readHocon(readTextFile(file), place, env, readTextFile)
  return writtenConfig(document.type === 'ok' ? document.value : {})
}

/** @param raw values as a file has them, which are good */
export function writtenConfig(raw: Readonly<Record<string, unknown>>): WrittenConfig {
  const listeners = raw['listeners'] ?? { tcp: { default: {} } }
  const written = write(configSchema, { ...raw, listeners })
  const sections = isSection(written) ? written : {}
  const cluster = isSection(sections['cluster']) ? sections['cluster'] : {}
  const name = typeof cluster['name'] === 'string' ? cluster['name'] : CLUSTER
  const links = Array.isArray(cluster['links']) ? cluster['links'] : []
  return {
    ...sections,
    cluster: { name, ...cluster, links: links.map((link) => (isSection(link) ? { clientid: name, ...link } : link)) },
    listeners: withBinds(sections['listeners']),
  }
}

function withBinds(listeners: unknown): unknown {
  if (!isSection(listeners)) return listeners
  const types = Object.entries(defaultBinds).map(([type, bind]) => {
    const named = isSection(listeners[type]) ? listeners[type] : {}
    const bound = Object.entries(named).map(([name, one]) => [name, isSection(one) ? { bind, ...one } : one] as const)
    return [type, Object.fromEntries(bound)] as const
  })
  return { ...listeners, ...Object.fromEntries(types) }
}

/** `undefined` for what is not there and has no default. */
function write(schema: z.core.$ZodType, raw: unknown): unknown {
  if (schema instanceof z.ZodOptional) return raw === undefined ? undefined : write(schema.unwrap(), raw)
  if (schema instanceof z.ZodPrefault) return write(schema.unwrap(), raw ?? schema.def.defaultValue)
  if (schema instanceof z.ZodDefault)
    return raw === undefined ? writeDefault(schema.unwrap(), schema.def.defaultValue) : write(schema.unwrap(), raw)
  if (raw === undefined) return undefined
  if (schema instanceof z.ZodPipe && writingOf(schema) === undefined) return write(schema.in, raw)
  if (schema instanceof z.ZodObject) return isSection(raw) ? writeSection(schema, raw) : raw
  if (schema instanceof z.ZodRecord) return isSection(raw) ? writeRecord(schema, raw) : raw
  if (schema instanceof z.ZodArray && Array.isArray(raw)) return raw.map((one) => write(schema.element, one))
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const kind = schema.options.find((option) => z.safeParse(option, raw).success)
    return kind === undefined ? raw : write(kind, raw)
  }
  return raw === Number.POSITIVE_INFINITY ? 'infinity' : raw
}

/** What a default is after parsing, turned back; a section's own defaults are filled in by it. */
function writeDefault(schema: z.core.$ZodType, value: unknown): unknown {
  if (typeof value === 'number' && Number.isFinite(value)) return writingOf(schema)?.(value) ?? value
  // A number without limit, or a rate.
  const amount = isSection(value) ? value['amount'] : value
  return amount === Number.POSITIVE_INFINITY ? 'infinity' : write(schema, value)
}

function writeSection(schema: z.ZodObject, raw: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const written = Object.entries(schema.shape).flatMap(([key, child]) => {
    const value = write(child, Object.hasOwn(raw, key) ? raw[key] : undefined)
    return value === undefined ? [] : [[key, masked(key, value)] as const]
  })
  return Object.fromEntries(written)
}

function writeRecord(schema: z.ZodRecord, raw: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const written = Object.entries(raw).map(([key, value]) => {
    const isHeader = /authorization|token|cookie|secret|password|api-?key/i.test(key)
    return [key, isHeader && !isPlaceholder(value) ? SECRET_MASK : write(schema.valueType, value)] as const
  })
  return Object.fromEntries(written)
}

const secretKeys = new Set(['password', 'default_password', 'secret', 'nkey'])

/** The name of a file that holds a secret is none, and a placeholder stands for what a client sends. */
function masked(key: string, value: unknown): unknown {
  if (typeof value !== 'string' || isPlaceholder(value)) return value
  if (value.includes('PRIVATE KEY-----')) return SECRET_MASK
  if (!secretKeys.has(key)) return value.replace(/\/\/[^/@\s]*@/g, `//${SECRET_MASK}@`)
  const isFile = key === 'nkey' ? !value.startsWith('SU') : value.startsWith('file://')
  return isFile ? value : SECRET_MASK
}

function isPlaceholder(value: unknown): boolean {
  return typeof value === 'string' && /^\$\{\w+\}$/.test(value)
}
