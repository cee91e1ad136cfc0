/** Users and logins are the same on all members of a cluster. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { accessDocument, emptyAccess } from '../../../src/api/access/access-record.ts'
import { Accounts } from '../../../src/api/access/accounts.ts'
import { ensureUser } from '../../../src/api/access/first-user.ts'
import { Guesses } from '../../../src/api/access/guesses.ts'
import { Logins } from '../../../src/api/access/logins.ts'
import { Passwords } from '../../../src/api/access/passwords.ts'
import { CopyFile } from '../../../src/cluster/documents/copy-file.ts'
import { SharedDocument } from '../../../src/cluster/documents/shared-document.ts'
import { ManualClock } from '../../broker/manual-clock.ts'
import { SimulatedNetwork } from '../../cluster/sim/simulated-coordination.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const LASTS_MS = 3_600_000

class Cluster {
  readonly clock = new ManualClock()
  readonly network = new SimulatedNetwork(this.clock)
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  member(name: string) {
    const directory = mkdtempSync(join(tmpdir(), 'isthmus-access-'))
    this.#t.after(() => rmSync(directory, { recursive: true }))
    const coordination = this.network.join(name, `${name}-1`)
    const copy = new CopyFile(directory, 'access.json')
    const ports = { coordination, log: silent, copy, changed: () => undefined }
    const document = new SharedDocument(accessDocument, ports, emptyAccess())
    document.start()
    const nowMs = (): number => this.clock.nowMs()
    const passwords = new Passwords()
    const accounts = new Accounts(document, passwords, nowMs)
    const logins = new Logins({ accounts, passwords, guesses: new Guesses(nowMs), nowMs, lastsMs: LASTS_MS })
    return { coordination, accounts, logins }
  }

  /** What happens at last, while time passes. */
  async until<T>(work: Promise<T>): Promise<T> {
    const isOver = new AbortController()
    const over = work.finally(() => isOver.abort())
    over.catch(() => undefined)
    while (!isOver.signal.aborted) {
      this.clock.advance(1)
      await turn()
    }
    return over
  }

  /** Lets time pass until nothing is on its way any more. */
  async settle(): Promise<void> {
    for (let i = 0; i < 30; i++) {
      this.clock.advance(1)
      await turn()
    }
  }
}

test('members that start at once make one first user, and tell one password', async (t) => {
  const cluster = new Cluster(t)
  const members = ['n1', 'n2', 'n3'].map((name) => cluster.member(name))
  const told: object[] = []
  const log = { ...silent, warn: (fields: object) => void told.push(fields) }
  const first = { username: 'admin', password: undefined }
  await cluster.until(Promise.all(members.map(({ accounts }) => ensureUser(accounts, first, log))))
  assert.equal(told.length, 1)
  const { username, password } = told[0] as { username: string; password: string }
  for (const { accounts, logins } of members) {
    assert.deepEqual(
      accounts.users.map((user) => user.username),
      ['admin'],
    )
    assert.ok(await logins.isPassword(username, password, '::1'))
  }
})

test('a login on one member is one on all, and ends on all', async (t) => {
  const cluster = new Cluster(t)
  const [here, there] = [cluster.member('n1'), cluster.member('n2')]
  await cluster.until(ensureUser(here.accounts, { username: 'admin', password: 'public' }, silent))
  await cluster.until(there.accounts.known)
  const bearer = async () => `Bearer ${(await here.logins.login('admin', 'public', '::1')).token}`
  const [one, other] = [await bearer(), await bearer()]
  const principal = { name: 'admin', role: 'administrator', via: 'login' }
  assert.deepEqual(await there.logins.identify(one), principal)
  await cluster.until(there.logins.logout(one))
  await cluster.settle()
  await assert.rejects(here.logins.identify(one), { code: 'BAD_TOKEN' })
  assert.deepEqual(await here.logins.identify(other), principal)
  await cluster.until(there.accounts.changePassword('admin', 'another-one-1'))
  await cluster.settle()
  await assert.rejects(here.logins.identify(other), { code: 'BAD_TOKEN' })
})

test('a login ends by itself, and lasts longer for who goes on with it', async (t) => {
  const cluster = new Cluster(t)
  const { accounts, logins } = cluster.member('n1')
  await cluster.until(ensureUser(accounts, { username: 'admin', password: 'public' }, silent))
  const { token, expiresAtMs } = await logins.login('admin', 'public', '::1')
  assert.ok(Math.abs(expiresAtMs - cluster.clock.nowMs() - LASTS_MS) <= 1_000)
  cluster.clock.advance(LASTS_MS / 2)
  const renewed = await logins.renew(`Bearer ${token}`)
  cluster.clock.advance(LASTS_MS / 2 + 10_000)
  await assert.rejects(logins.identify(`Bearer ${token}`), { code: 'TOKEN_TIME_OUT' })
  assert.equal((await logins.identify(`Bearer ${renewed.token}`))?.name, 'admin')
})

test('a member that is cut off lets those in that it knows, and changes nothing', async (t) => {
  const cluster = new Cluster(t)
  const { accounts, logins, coordination } = cluster.member('n1')
  await cluster.until(ensureUser(accounts, { username: 'admin', password: 'public' }, silent))
  coordination.cut()
  assert.equal((await logins.login('admin', 'public', '::1')).user.username, 'admin')
  await assert.rejects(cluster.until(accounts.changePassword('admin', 'another-one-1')), { code: 'COORDINATION_LOST' })
})

test('what is shared of access comes back as it went in; anything else is told without its secrets', () => {
  const shared = { version: 3, value: emptyAccess(), changedOn: 'n1' }
  assert.deepEqual(accessDocument.decode(accessDocument.encode(shared)), { type: 'ok', shared })
  for (const bytes of [
    'noise',
    '{}',
    '{"format":2}',
    JSON.stringify({ format: 1, version: 1, changedOn: 'n', value: { signingKey: 's3cret' } }),
  ]) {
    const read = accessDocument.decode(Buffer.from(bytes))
    assert.ok(read.type === 'malformed')
    assert.doesNotMatch(read.reason, /s3cret/)
  }
})
