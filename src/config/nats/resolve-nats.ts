/** `cluster.nats` as the node uses it: files by absolute path, secrets read. */
import { isAbsolute, resolve } from 'node:path'
import type * as z from 'zod'
import { readPassword, readTlsFiles, unreadable } from '../config-files.ts'
import type { Finding } from '../config-issues.ts'
import type { ResolveContext } from '../resolve-context.ts'
import type { SslConfig } from '../ssl-config.ts'
import type { NatsConfig } from './nats-config.ts'
import { isTlsServer, type natsSchema } from './nats-schema.ts'

type ParsedNats = z.output<typeof natsSchema>

const path = ['cluster', 'nats']

export function buildNats(
  parsed: ParsedNats | undefined,
  context: ResolveContext,
): { readonly nats?: NatsConfig; readonly findings: readonly Finding[] } {
  if (parsed === undefined) return { findings: [] }
  const { servers, user, prefix, replicas } = parsed
  const { baseDir, readFile } = context
  const tls = buildTls(parsed, context)
  const credentials = readCredentials(parsed.credentials, context)
  const nkey = readSeed(parsed.nkey, context)
  const password =
    parsed.password === undefined ? undefined : readPassword(parsed.password, baseDir, readFile, [...path, 'password'])
  return {
    nats: {
      servers,
      ...(typeof credentials === 'string' ? { credentials } : {}),
      ...(user === undefined ? {} : { user }),
      ...(typeof password === 'string' ? { password } : {}),
      ...(typeof nkey === 'string' ? { nkey } : {}),
      tls: tls.ssl,
      prefix,
      ...(replicas === undefined ? {} : { replicas }),
    },
    findings: [...tls.findings, ...[credentials, nkey, password].filter((found) => typeof found === 'object')],
  }
}

function buildTls(
  { servers, tls }: ParsedNats,
  { baseDir, readFile }: ResolveContext,
): { readonly ssl: SslConfig; readonly findings: readonly Finding[] } {
  if (tls === undefined) return { ssl: { enable: servers.some(isTlsServer), verify: 'verify_peer' }, findings: [] }
  const { files, findings } = readTlsFiles(tls, baseDir, readFile, [...path, 'tls'])
  const { enable, verify, server_name_indication } = tls
  const name = server_name_indication === undefined ? {} : { server_name_indication }
  return { ssl: { enable, ...files, verify, ...name }, findings }
}

function readCredentials(
  written: string | undefined,
  { baseDir, readFile }: ResolveContext,
): string | Finding | undefined {
  if (written === undefined) return undefined
  const file = isAbsolute(written) ? written : resolve(baseDir, written)
  const key = [...path, 'credentials']
  try {
    const isWhole = ['NATS USER JWT', 'USER NKEY SEED'].reduce((rest, part) => {
      return rest.includes(`BEGIN ${part}`) ? rest : ''
    }, readFile(file))
    if (isWhole !== '') return file
  } catch (error) {
    return unreadable(key, written, error)
  }
  const message = "holds no user's JWT and seed; nsc generate creds writes such a file"
  return { path: key, reason: 'bad_value', message }
}

/** A seed of a user: 32 bytes with a prefix and a checksum in base32. */
const seed = /^SU[A-Z2-7]{56}$/

function readSeed(written: string | undefined, { baseDir, readFile }: ResolveContext): string | Finding | undefined {
  if (written === undefined || seed.test(written)) return written
  const key = [...path, 'nkey']
  try {
    const found = readFile(resolve(baseDir, written)).trim()
    if (seed.test(found)) return found
  } catch (error) {
    // It may be a seed with a slip of the pen: then it is as secret as the right one.
    return unreadable(key, /^S[A-Z]/.test(written) ? '\n' : written, error)
  }
  return { path: key, reason: 'bad_value', message: "names a file that holds no user's seed (SU...)" }
}
