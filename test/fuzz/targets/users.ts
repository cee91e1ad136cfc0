/** Bootstrap files of users, CSV and JSON: any text is users or words about it, and no password is told. The first byte chooses. */
import assert from 'node:assert/strict'
import { parseBootstrapUsers } from '../../../src/config/authentication/bootstrap-users.ts'
import { byteMutation, type FuzzTarget, tokens } from '../target.ts'

const BYTES_MAX = 32_768
const limits = { bufferBytesMax: 1_048_576, buffersBytesMax: 16 * 1_048_576, heapBytesMax: 64 * 2 ** 20 }
const secret = 'hunter2hunter2'
const files = ['users.csv', 'users.json', 'users.txt'] as const
const sha256 = { name: 'sha256', salt_position: 'suffix' } as const

const dictionary = [
  ...tokens(
    'user_id password_hash salt password is_superuser true false null { } [ ] " "" , ; : \\u0000 __proto__ constructor 1e999',
  ),
  ...['\n', '\r\n', '\r', '\uFEFF', '\0', '\ud800', '"\n', '",', secret].map((text) => Buffer.from(text)),
]

const csv = `user_id,password_hash,salt,is_superuser
a,b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75,slat_foo123,true
"b,""c""",827ccb0eea8a706c4c34a16891f84e7b,,false
`
const json = JSON.stringify(
  [
    { user_id: 'a', password: secret, is_superuser: true },
    { user_id: 'b', password_hash: 'ab', salt: 'x' },
  ],
  null,
  1,
)

export const usersTarget: FuzzTarget = {
  name: 'users',
  seeds: () =>
    [csv, `user_id,password,is_superuser\na,${secret},true\n`]
      .map((text) => Buffer.from(`\0${text}`))
      .concat(Buffer.from(`\u0001${json}`)),
  generate(random) {
    const isCsv = random.chance(0.6)
    const cell = (): string =>
      random.pick(['a', '', `"${secret}"`, '"x\ny"', '"un""ended', 'true', '1', 'é', 'x'.repeat(random.size(2000))])
    const columns = random.pick([
      'user_id,password',
      'user_id,password_hash,salt,is_superuser',
      'user_id',
      'user_id,user_id',
      '',
      '__proto__,user_id,password',
    ])
    const rows = random.list(random.size(random.chance(0.9) ? 20 : 3000), () =>
      random.list(random.below(5), cell).join(','),
    )
    if (isCsv)
      return Buffer.from(`\0${[columns, ...rows].join(random.pick(['\n', '\r\n', '\r']))}`).subarray(0, BYTES_MAX)
    const kind = random.fraction()
    if (kind < 0.1)
      return Buffer.from(`\u0001${random.pick(['[', '{"a":', '"'])}`.padEnd(random.size(BYTES_MAX), '[{"'))
    const value = (): unknown => random.pick(['a', secret, '', 1, true, null, [], {}, 'x'.repeat(1100)])
    const users = random.list(random.size(200), () =>
      Object.fromEntries(random.list(random.below(5), () => [random.pick(columns.split(',')), value()])),
    )
    return Buffer.from(`\u0001${JSON.stringify(users)}`).subarray(0, BYTES_MAX)
  },
  mutate: byteMutation({ dictionary, bytesMax: BYTES_MAX }),
  run(input, meter) {
    const choice = input[0] ?? 0
    const text = input.toString('utf8', 1)
    const file = files[(choice & 127) % files.length]!
    const result = meter.turn(limits, () => parseBootstrapUsers(text, file, choice & 128 ? 'hash' : 'plain', sha256))
    if (result.type === 'ok') {
      const ids = result.users.map(({ user_id }) => user_id)
      assert.equal(new Set(ids).size, ids.length, 'a user stands twice')
      return
    }
    assert.ok(result.problems.length > 0, 'refused without a word')
    for (const { line, message } of result.problems) {
      assert.ok(line >= 1 && message !== '')
      assert.ok(!message.includes(secret), `the password is told: ${message}`)
    }
  },
}
