/** From authenticators as they were written to authenticators as the node uses them: secrets read, files found, users tried. */
import { createPublicKey } from 'node:crypto'
import { resolve } from 'node:path'
import type { AuthenticatorConfig, HttpConfig, JwtConfig, JwtKeys } from './authentication-config.ts'
import type { ParsedAuthenticator } from './authentication-schema.ts'
import { parseBootstrapUsers } from './bootstrap-users.ts'
import { readPassword, readTlsFiles } from '../config-files.ts'
import type { ConfigErrorReason } from '../config-error.ts'
import type { Finding } from '../config-issues.ts'
import type { SslConfig } from '../ssl-config.ts'
import { type ReadFile, reasonOf } from '../hocon/hocon-include.ts'
import type { KeyPath } from '../key-path.ts'

type Context = { readonly baseDir: string; readonly readFile: ReadFile }
type Parsed<Kind> = Extract<ParsedAuthenticator, Kind>
type Built<Config> = { readonly config?: Config; readonly findings: readonly Finding[] }

/** EMQX's names for members of a chain; each may stand there once. */
export function authenticatorId(authenticator: {
  readonly mechanism: string
  readonly backend?: string | undefined
}): string {
  const { mechanism, backend } = authenticator
  return backend === undefined ? mechanism : `${mechanism}:${backend}`
}

export function buildAuthentication(
  written: readonly ParsedAuthenticator[],
  context: Context,
): { readonly authentication: readonly AuthenticatorConfig[]; readonly findings: readonly Finding[] } {
  const built = written.map((authenticator, index) => build(authenticator, ['authentication', index], context))
  return {
    authentication: built.flatMap(({ config }) => (config === undefined ? [] : [config])),
    findings: [...duplicates(written), ...built.flatMap(({ findings }) => findings)],
  }
}

function duplicates(written: readonly ParsedAuthenticator[]): Finding[] {
  const ids = written.map(authenticatorId)
  return ids.flatMap((id, index): Finding[] => {
    const first = ids.indexOf(id)
    if (first === index) return []
    const message = `authentication[${first}] is ${id}, too; a chain has one of each`
    return [{ path: ['authentication', index], reason: 'duplicated_authenticator', message }]
  })
}

function build(written: ParsedAuthenticator, path: KeyPath, context: Context): Built<AuthenticatorConfig> {
  if (written.mechanism === 'jwt') return buildJwt(written, path, context)
  return written.backend === 'http' ? buildHttp(written, path, context) : buildBuiltIn(written, path, context)
}

function finding(path: KeyPath, key: string, message: string, reason: ConfigErrorReason = 'bad_value'): Finding {
  return { path: [...path, key], reason, message }
}

// ---- built-in database

/** How many problems of one file are told. */
const PROBLEMS_MAX = 20

function buildBuiltIn(
  { bootstrap_file: written, ...rest }: Parsed<{ backend: 'built_in_database' }>,
  path: KeyPath,
  { baseDir, readFile }: Context,
): Built<AuthenticatorConfig> {
  if (written === undefined) return { config: rest, findings: [] }
  const file = resolve(baseDir, written)
  const config = { ...rest, bootstrap_file: file }
  if (!rest.enable) return { config, findings: [] }
  let text: string
  try {
    text = readFile(file)
  } catch (error) {
    const message = `cannot read ${JSON.stringify(written)}: ${reasonOf(error)}`
    return { findings: [finding(path, 'bootstrap_file', message, 'file_not_readable')] }
  }
  const result = parseBootstrapUsers(text, file, rest.bootstrap_type, rest.password_hash_algorithm)
  if (result.type === 'ok') return { config, findings: [] }
  const told = result.problems.slice(0, PROBLEMS_MAX).map(({ line, message }) => `${written}:${line}: ${message}`)
  const more = result.problems.length - told.length
  if (more > 0) told.push(`${written}: ${more} more like these`)
  return { findings: told.map((message) => finding(path, 'bootstrap_file', message, 'bad_bootstrap_file')) }
}

// ---- JWT

function buildJwt(written: Parsed<{ mechanism: 'jwt' }>, path: KeyPath, context: Context): Built<JwtConfig> {
  const { mechanism, enable, from, verify_claims, disconnect_after_expire } = written
  const { config: keys, findings } = buildKeys(written, path, context)
  if (keys === undefined) return { findings }
  return { config: { mechanism, enable, from, keys, verify_claims, disconnect_after_expire }, findings }
}

function buildKeys(written: Parsed<{ mechanism: 'jwt' }>, path: KeyPath, context: Context): Built<JwtKeys> {
  if (written.use_jwks) return buildJwks(written, path, context)
  // EMQX tells them apart by the key that is there, too.
  const algorithm = written.algorithm ?? (written.public_key === undefined ? 'hmac-based' : 'public-key')
  return algorithm === 'hmac-based' ? buildHmac(written, path, context) : buildPublicKey(written, path, context)
}

function buildHmac(
  written: Parsed<{ mechanism: 'jwt' }>,
  path: KeyPath,
  { baseDir, readFile }: Context,
): Built<JwtKeys> {
  if (written.secret === undefined) {
    const message = 'is missing; with algorithm = hmac-based tokens are proved by a secret'
    return { findings: [finding(path, 'secret', message, 'required_field')] }
  }
  const secret = readPassword(written.secret, baseDir, readFile, [...path, 'secret'])
  if (typeof secret !== 'string') return { findings: [secret] }
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(secret)
  if (written.secret_base64_encoded && !isBase64)
    return { findings: [finding(path, 'secret', 'is no Base64, though secret_base64_encoded says so')] }
  const bytes = Buffer.from(secret, written.secret_base64_encoded ? 'base64' : 'utf8')
  if (bytes.length === 0) return { findings: [finding(path, 'secret', 'is empty')] }
  return { config: { type: 'hmac', secret: bytes }, findings: [] }
}

function buildPublicKey(
  { public_key: written }: Parsed<{ mechanism: 'jwt' }>,
  path: KeyPath,
  { baseDir, readFile }: Context,
): Built<JwtKeys> {
  const refused = (message: string, reason?: ConfigErrorReason): Built<JwtKeys> => {
    return { findings: [finding(path, 'public_key', message, reason)] }
  }
  if (written === undefined)
    return refused('is missing; with algorithm = public-key tokens are proved by one', 'required_field')
  let pem = written
  if (!written.includes('-----BEGIN')) {
    try {
      pem = readFile(resolve(baseDir, written.replace(/^file:\/\//, '')))
    } catch (error) {
      return refused(`cannot read this file: ${reasonOf(error)}`, 'file_not_readable')
    }
  }
  if (/PRIVATE KEY/.test(pem)) return refused('holds a private key; give the node the public one alone')
  try {
    createPublicKey(pem)
  } catch {
    return refused('holds no public key or certificate in PEM')
  }
  return { config: { type: 'public', pem }, findings: [] }
}

function buildJwks(written: Parsed<{ mechanism: 'jwt' }>, path: KeyPath, context: Context): Built<JwtKeys> {
  const { endpoint, headers, refresh_interval, pool_size } = written
  if (endpoint === undefined) {
    const message = 'is missing; with use_jwks = true it is the address of the key set'
    return { findings: [finding(path, 'endpoint', message, 'required_field')] }
  }
  const { ssl, findings } = buildSsl(written.ssl, endpoint, path, context)
  const lowered = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
  const config = { endpoint, headers: lowered, refresh_interval: refresh_interval * 1000, pool_size, ssl }
  return { config: { type: 'jwks', ...config }, findings }
}

// ---- HTTP

function buildHttp(written: Parsed<{ backend: 'http' }>, path: KeyPath, context: Context): Built<HttpConfig> {
  const { mechanism, backend, enable, method, url, body, request_timeout, pool_size } = written
  const { ssl, findings } = buildSsl(written.ssl, url, path, context)
  const headers = Object.fromEntries(
    Object.entries(written.headers).map(([name, value]) => [name.toLowerCase(), value]),
  )
  const found = [...findings]
  const contentType = headers['content-type']
  if (method === 'get' && contentType !== undefined)
    found.push(finding([...path, 'headers'], 'content-type', 'a request by get has no body, so it has no type'))
  if (
    method === 'post' &&
    contentType !== undefined &&
    !/^application\/(json|x-www-form-urlencoded)\b/i.test(contentType)
  )
    found.push(
      finding([...path, 'headers'], 'content-type', 'expected application/json or application/x-www-form-urlencoded'),
    )
  if (!URL.canParse(url.replaceAll(/\$\{[^}]*\}/g, 'x'))) found.push(finding(path, 'url', 'is no address'))
  if (/^https?:\/\/[^/?#]*\$\{/.test(url))
    found.push(finding(path, 'url', 'a placeholder may stand in the path and the query, not in the host'))
  const config: HttpConfig = {
    mechanism,
    backend,
    enable,
    method,
    url,
    headers,
    body,
    request_timeout,
    pool_size,
    ssl,
  }
  return { config, findings: found }
}

/** TLS is used with `https://`, and then the files must be there. EMQX wants `ssl.enable = true` besides; false is a mistake here, too. */
function buildSsl(
  written: Parsed<{ backend: 'http' }>['ssl'],
  url: string,
  path: KeyPath,
  { baseDir, readFile }: Context,
): { readonly ssl: SslConfig; readonly findings: readonly Finding[] } {
  const enable = url.startsWith('https:')
  const { files, findings } = readTlsFiles({ ...written, enable }, baseDir, readFile, [...path, 'ssl'])
  const { verify, server_name_indication } = written
  const ssl = { enable, ...files, verify, ...(server_name_indication === undefined ? {} : { server_name_indication }) }
  return { ssl, findings }
}
