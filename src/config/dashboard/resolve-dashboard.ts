/** From `dashboard` and `api_key` as they were written to what the API takes; the files that they name are read and checked. */
import { isIPv6 } from 'node:net'
import { resolve } from 'node:path'
import { formatAddress, readBind } from '../address.ts'
import { readPassword, unreadable } from '../config-files.ts'
import type { Finding, Remark } from '../config-issues.ts'
import { buildServerTls } from '../listeners/resolve-listeners.ts'
import type { ResolveContext } from '../resolve-context.ts'
import { parseBootstrapKeys } from './bootstrap-keys.ts'
import type { ApiKeyConfig, DashboardConfig } from './dashboard-config.ts'
import type { ParsedApiKey, ParsedDashboard } from './dashboard-schema.ts'

type Built<Result> = {
  readonly config: Result
  readonly findings: readonly Finding[]
  readonly remarks: readonly Remark[]
}

export function buildDashboard(written: ParsedDashboard, context: ResolveContext): Built<DashboardConfig> {
  const findings: Finding[] = []
  const remarks: Remark[] = []
  const { default_username, token_expired_time } = written
  const { http, https } = written.listeners
  const password = passwordOf(written, context)
  if (typeof password === 'object') findings.push(password)
  const path = ['dashboard', 'listeners', 'https', 'ssl_options']
  const listeners = {
    http: { bind: bindOf(http.bind) },
    ...(https === undefined
      ? {}
      : {
          https: {
            bind: bindOf(https.bind),
            ssl_options: buildServerTls(https.ssl_options, true, path, context, { findings, remarks }),
          },
        }),
  }
  if (!isLoopback(listeners.http.bind))
    remarks.push({
      path: ['dashboard', 'listeners', 'http', 'bind'],
      reason: 'not_encrypted',
      message:
        'passwords and tokens cross the network in the clear; bind 127.0.0.1 here, and give others dashboard.listeners.https',
    })
  const config = {
    listeners,
    default_username,
    ...(typeof password === 'string' ? { default_password: password } : {}),
    token_expired_time,
  }
  return { config, findings, remarks }
}

function passwordOf(
  { default_password: written }: ParsedDashboard,
  context: ResolveContext,
): string | Finding | undefined {
  if (written === undefined) return undefined
  const path = ['dashboard', 'default_password']
  const password = readPassword(written, context.baseDir, context.readFile, path)
  return password === '' ? { path, reason: 'bad_value', message: 'this file is empty; expected a password' } : password
}

/** A port alone stands for loopback: who wants others to reach it says so. */
function bindOf(written: string | number): string {
  const address = readBind(written)
  if (address.type === 'invalid') return String(written)
  const isPortAlone = /^:?\d+$/.test(String(written).trim())
  return formatAddress(isPortAlone ? { ...address, host: '127.0.0.1' } : address)
}

function isLoopback(bind: string): boolean {
  const address = readBind(bind)
  if (address.type === 'invalid') return true
  const { host } = address
  return isIPv6(host) ? /^[0:]*1$/.test(host) : host === 'localhost' || host.startsWith('127.')
}

/** What is told of one file at most. */
const PROBLEMS_MAX = 20

export function buildApiKey({ bootstrap_file: written }: ParsedApiKey, context: ResolveContext): Built<ApiKeyConfig> {
  if (written === undefined) return { config: {}, findings: [], remarks: [] }
  const path = ['api_key', 'bootstrap_file']
  const file = resolve(context.baseDir, written)
  const config = { bootstrap_file: file }
  let text: string
  try {
    text = context.readFile(file)
  } catch (error) {
    return { config, findings: [unreadable(path, written, error)], remarks: [] }
  }
  const result = parseBootstrapKeys(text)
  if (result.type === 'ok') return { config, findings: [], remarks: [] }
  const told = result.problems.slice(0, PROBLEMS_MAX).map(({ line, message }) => `${written}:${line}: ${message}`)
  const more = result.problems.length - told.length
  if (more > 0) told.push(`${written}: ${more} more like these`)
  return { config, findings: told.map((message) => ({ path, reason: 'bad_bootstrap_file', message })), remarks: [] }
}
