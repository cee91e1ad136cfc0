/**
 * Hashes that others made: Python's hashlib (the digests, PBKDF2, scrypt), libxcrypt through Perl's crypt (bcrypt), RFC 7914
 * and Openwall's test vectors.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BcryptThread } from '../../../../src/broker/access/authentication/bcrypt-thread.ts'
import { PasswordHash } from '../../../../src/broker/access/authentication/password-hash.ts'
import type { PasswordHashConfig } from '../../../../src/config/authentication/authentication-config.ts'

const salt = 'de1024f462fb83910fd13151bd4bd235'
const scrypt = { name: 'scrypt', cost: 1024, block_size: 8, parallelization: 2, dk_length: 32 } as const

const vectors: readonly {
  readonly what: string
  readonly config: PasswordHashConfig
  readonly hash: string
  readonly salt?: string
  readonly password?: string
}[] = [
  { what: 'plain', config: { name: 'plain', salt_position: 'disable' }, hash: 'correct horse' },
  { what: 'plain behind a salt', config: { name: 'plain', salt_position: 'prefix' }, hash: `${salt}correct horse` },
  {
    what: 'MD5',
    config: { name: 'md5', salt_position: 'prefix' },
    hash: 'c031ea3768ef4971473cba8fac3ceb49',
  },
  {
    what: 'SHA-1, salt behind',
    config: { name: 'sha', salt_position: 'suffix' },
    hash: '2131bff7675206298aa426f272f4c50c3ac32709',
  },
  {
    what: 'SHA-256',
    config: { name: 'sha256', salt_position: 'prefix' },
    hash: 'c2705e787f39e55d28f91a42edbe521affa2189126fc459c597558ab959cd494',
  },
  {
    what: 'SHA-256 in capitals',
    config: { name: 'sha256', salt_position: 'prefix' },
    hash: 'C2705E787F39E55D28F91A42EDBE521AFFA2189126FC459C597558AB959CD494',
  },
  {
    what: 'SHA-256, salt behind',
    config: { name: 'sha256', salt_position: 'suffix' },
    hash: 'c072f0fa1aa2c45255937df094d07afa07cdd41cc8dd3079f72623e862ea6c13',
  },
  {
    what: 'SHA-256, salt not used',
    config: { name: 'sha256', salt_position: 'disable' },
    hash: '4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631',
  },
  {
    what: 'SHA-512, salt behind',
    config: { name: 'sha512', salt_position: 'suffix' },
    hash: '1ec7ddbd366fd5f829c0905e39af56452175b531cf717199f0d67f21b9c96670b078e3537d3c124f5c11b231d4cefe1a30283def3a809f252a0931018962a808',
  },
  {
    what: 'PBKDF2 with SHA-1',
    config: { name: 'pbkdf2', mac_fun: 'sha', iterations: 1000 },
    hash: '8dcb394355fa56a542da353e5bce257ef4e3f886',
  },
  {
    what: 'PBKDF2 with SHA-224',
    config: { name: 'pbkdf2', mac_fun: 'sha224', iterations: 1000 },
    hash: 'ce3eec656cc66996fd8d4e601af8768f09d920a9603820c722b32791',
  },
  {
    what: 'PBKDF2 with SHA-256',
    config: { name: 'pbkdf2', mac_fun: 'sha256', iterations: 1000 },
    hash: 'f2a83a9f7d251789075448d84e7d82671c6415d4785b72df22550a8cad6bd25f',
  },
  {
    what: 'PBKDF2 of 24 bytes',
    config: { name: 'pbkdf2', mac_fun: 'sha256', iterations: 1000, dk_length: 24 },
    hash: 'f2a83a9f7d251789075448d84e7d82671c6415d4785b72df',
  },
  { what: 'scrypt', config: scrypt, hash: 'de8ef2a87b6e4bb87d7bea44b5096110a13b464ac11ad23ee05f2700a6348626' },
  {
    what: 'scrypt as in RFC 7914, 12',
    config: { ...scrypt, parallelization: 16, dk_length: 64 },
    password: 'password',
    salt: 'NaCl',
    hash: 'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
  },
  {
    what: 'bcrypt',
    config: { name: 'bcrypt', salt_rounds: 10 },
    hash: '$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2',
  },
  {
    what: 'bcrypt as 2a',
    config: { name: 'bcrypt', salt_rounds: 10 },
    password: 'U*U',
    hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
  },
]

for (const { what, config, hash, salt: ownSalt = salt, password = 'correct horse' } of vectors) {
  test(`${what}: the right password fits, and no other`, async (t) => {
    const passwordHash = hashOf(t, config)
    const kept = { password_hash: hash, salt: ownSalt }
    assert.equal(await passwordHash.verify(Buffer.from(password), kept), true)
    for (const wrong of ['', `${password} `, password.slice(1), password.toUpperCase() + '!', hash])
      if (wrong !== password && !(config.name === 'plain' && wrong === hash && config.salt_position === 'disable'))
        assert.equal(await passwordHash.verify(Buffer.from(wrong), kept), false, wrong)
    assert.equal(await passwordHash.verify(Buffer.from([0xff, 0xfe]), kept), false)
  })

  test(`${what}: what is hashed here fits, each time with another salt`, async (t) => {
    const passwordHash = hashOf(t, config.name === 'bcrypt' ? { ...config, salt_rounds: 5 } : config)
    const [first, second] = await Promise.all([1, 2].map(() => passwordHash.hash(Buffer.from('pä55'))))
    assert.ok(first !== undefined && second !== undefined)
    assert.equal(await passwordHash.verify(Buffer.from('pä55'), first), true)
    assert.equal(await passwordHash.verify(Buffer.from('pa55'), first), false)
    const isSalted = config.name !== 'plain' && !('salt_position' in config && config.salt_position === 'disable')
    assert.equal(first.password_hash === second.password_hash, !isSalted)
  })

  test(`${what}: nothing fits the decoy`, async (t) => {
    const passwordHash = hashOf(t, config)
    const decoy = passwordHash.decoy(hash)
    for (const password of ['', 'correct horse', decoy.password_hash, decoy.salt])
      if (config.name !== 'plain' || password !== '')
        assert.equal(await passwordHash.verify(Buffer.from(password), decoy), false)
  })
}

test('the decoy of bcrypt costs what the users do', (t) => {
  const passwordHash = hashOf(t, { name: 'bcrypt', salt_rounds: 10 })
  assert.match(passwordHash.decoy('$2a$07$abcdefghijklmnopqrstuu').password_hash, /^\$2b\$07\$/)
  assert.match(passwordHash.decoy(undefined).password_hash, /^\$2b\$10\$/)
})

test('passwords that are no text do not all look alike to bcrypt', async (t) => {
  const passwordHash = hashOf(t, { name: 'bcrypt', salt_rounds: 5 })
  const kept = await passwordHash.hash(Buffer.from('\uFFFD'))
  assert.equal(await passwordHash.verify(Buffer.from('\uFFFD'), kept), true)
  assert.equal(await passwordHash.verify(Buffer.from([0xff]), kept), false)
  await assert.rejects(passwordHash.hash(Buffer.from([0xff])), /must be UTF-8/)
})

test('what is no hash of bcrypt fits nothing', async (t) => {
  const passwordHash = hashOf(t, { name: 'bcrypt', salt_rounds: 5 })
  for (const password_hash of ['', 'x', '$2b$05$short', `$2b$99$${'a'.repeat(53)}`])
    assert.equal(await passwordHash.verify(Buffer.from('x'), { password_hash, salt: '' }).catch(() => false), false)
  // The thread has survived it.
  assert.equal(await passwordHash.verify(Buffer.from('a'), await passwordHash.hash(Buffer.from('a'))), true)
})

test('bcrypt leaves the event loop alone', async (t) => {
  const passwordHash = hashOf(t, { name: 'bcrypt', salt_rounds: 10 })
  let turns = 0
  let done = false
  const count = (): void => {
    turns++
    if (!done) setImmediate(count)
  }
  setImmediate(count)
  await passwordHash.hash(Buffer.from('x'))
  done = true
  // On this thread it would have been a handful.
  assert.ok(turns > 100, `${turns} turns`)
})

test('a thread that was stopped rejects what is under way, and a new one starts', async (t) => {
  const bcrypt = new BcryptThread()
  t.after(() => bcrypt.stop())
  const underWay = bcrypt.hash('x', 12)
  bcrypt.stop()
  await assert.rejects(underWay, /was stopped/)
  assert.equal(await bcrypt.compare('x', await bcrypt.hash('x', 5)), true)
})

function hashOf(t: { after(call: () => void): void }, config: PasswordHashConfig): PasswordHash {
  const bcrypt = new BcryptThread()
  t.after(() => bcrypt.stop())
  return new PasswordHash(config, bcrypt)
}
