/** Ties who may ask the API to a node: users, API keys, the local token; what they change goes on record. */
import { readFile } from 'node:fs/promises'
import { type Credentials, accessHook } from '../api/access/access-hook.ts'
import { accessDocument, type AccessRecord, emptyAccess } from '../api/access/access-record.ts'
import { Accounts } from '../api/access/accounts.ts'
import { auditHook } from '../api/access/audit.ts'
import type { AuditFile } from '../api/access/audit-file.ts'
import { ensureUser } from '../api/access/first-user.ts'
import { Guesses } from '../api/access/guesses.ts'
import { KeyCredentials } from '../api/access/key-credentials.ts'
import { keysApi } from '../api/access/keys-api.ts'
import { LocalToken } from '../api/access/local-token.ts'
import { loginApi } from '../api/access/login-api.ts'
import { Logins } from '../api/access/logins.ts'
import { Passwords } from '../api/access/passwords.ts'
import { usersApi } from '../api/access/users-api.ts'
import type { ApiPart } from '../api/api-server.ts'
import type { Clock, Timer } from '../broker/clock.ts'
import type { Logger } from '../broker/logger.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { CopyFile } from '../cluster/documents/copy-file.ts'
import { RegistersOfOne } from '../cluster/documents/registers-of-one.ts'
import { SharedDocument } from '../cluster/documents/shared-document.ts'
import type { Config } from '../config/config.ts'
import { parseBootstrapKeys } from '../config/dashboard/bootstrap-keys.ts'
import { productVersion } from '../config/version.ts'

/** What this needs of a node. */
export type NodeForAccess = {
  readonly config: () => Config
  /** `undefined` for a node that is alone. */
  readonly cluster: Cluster | undefined
  readonly clock: Clock
  readonly log: Logger
}

export type OpenAccess = {
  /** Ways of saying who one is. */
  readonly credentials: readonly Credentials[]
  /** In front of every route of the API. */
  readonly guard: ApiPart
  readonly parts: readonly ApiPart[]
  readonly local: LocalToken
  /** Tells from now on when users, logins or keys are others; returns how to end that. */
  readonly onChange: (listener: () => void) => () => void
  /** Resolves when there is somebody who may log in, or when that takes too long to wait for it. */
  start(): Promise<void>
  stop(): void
}

/** Name of this member's copy in its data directory. */
const COPY = 'access.json'
/** How long a start waits for the first user and the keys of the file; how long before another try. Milliseconds. */
const START_WAIT_MS = 2_000
const RETRY_MS = 5_000

/** Throws `ClusterError` if what was kept can't be read. */
export function openAccess(node: NodeForAccess, audit: AuditFile): OpenAccess {
  const { config, clock, log } = node
  const { node: identity, dashboard } = config()
  const listeners = new Set<() => void>()
  const document = openDocument(node, () => {
    for (const listener of listeners) listener()
  })
  const nowMs = (): number => clock.nowMs()
  const passwords = new Passwords()
  const guesses = new Guesses(() => clock.steadyMs())
  const accounts = new Accounts(document, passwords, nowMs)
  const lastsMs = dashboard?.token_expired_time ?? 0
  const logins = new Logins({ accounts, passwords, guesses, nowMs, lastsMs })
  const local = new LocalToken(identity.data_dir)
  const credentials = [local, logins, new KeyCredentials({ accounts, passwords, guesses, nowMs })]
  const hooks = [accessHook(credentials), auditHook({ file: audit, node: identity.name, log, nowMs })]
  const founding = new Founding(() => found(accounts, config(), log), clock, log)
  return {
    credentials,
    guard: async (api) => {
      for (const hook of hooks) await hook(api)
    },
    parts: [loginApi(logins, productVersion()), usersApi(accounts, logins), keysApi(accounts, nowMs)],
    local,
    onChange: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    start: () => founding.start(),
    stop: () => {
      founding.stop()
      document.stop()
    },
  }
}

/** What the members share, or a node that is alone keeps. */
function openDocument({ config, cluster, log }: NodeForAccess, changed: () => void): SharedDocument<AccessRecord> {
  if (cluster !== undefined) return cluster.document(accessDocument, COPY, emptyAccess(), changed)
  const { name, data_dir } = config().node
  const coordination = { self: { node: name, boot: '' }, registers: new RegistersOfOne() }
  const copy = new CopyFile(data_dir, COPY)
  const document = new SharedDocument(accessDocument, { coordination, log, copy, changed }, emptyAccess())
  document.start()
  return document
}

/** The first user, and the keys of the configuration. */
async function found(accounts: Accounts, { dashboard, api_key }: Config, log: Logger): Promise<void> {
  const { default_username: username = 'admin', default_password: password } = dashboard ?? {}
  await ensureUser(accounts, { username, password }, log)
  const file = api_key.bootstrap_file
  if (file === undefined) return
  const read = parseBootstrapKeys(await readFile(file, 'utf8'))
  // It was good when the configuration was read.
  if (read.type === 'invalid') throw new TypeError(`${file}:${read.problems[0]?.line}: ${read.problems[0]?.message}`)
  await accounts.bootstrapKeys(read.keys)
}

/** Work of the start that may have to wait for the other members, and is tried until it is done. */
class Founding {
  readonly #work: () => Promise<void>
  readonly #clock: Clock
  readonly #log: Logger
  #timer: Timer | undefined
  #isStopped = false

  constructor(work: () => Promise<void>, clock: Clock, log: Logger) {
    this.#work = work
    this.#clock = clock
    this.#log = log
  }

  async start(): Promise<void> {
    let late: Timer | undefined
    const waited = new Promise<void>((resolve) => (late = this.#clock.after(START_WAIT_MS, resolve)))
    await Promise.race([this.#try(), waited])
    late?.cancel()
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  async #try(): Promise<void> {
    try {
      await this.#work()
    } catch (error) {
      if (this.#isStopped) return
      this.#log.warn({ err: error }, 'api_users_not_made')
      this.#timer = this.#clock.after(RETRY_MS, () => void this.#try())
    }
  }
}
