import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type User, UserTable } from '../../../../src/broker/access/authentication/user-table.ts'
import { MemoryStore } from './credentials.ts'

const user = (user_id: string, more: Partial<User> = {}): User => {
  return { user_id, password_hash: 'h', salt: 's', is_superuser: false, ...more }
}

test('users live on in the store', async () => {
  const store = new MemoryStore()
  const users = new UserTable(store)
  assert.equal(await users.add([user('b'), user('a', { is_superuser: true }), user('ä', { salt: '' })]), 3)
  assert.equal(await users.update(user('b', { password_hash: 'other' })), true)
  assert.equal(await users.remove('ä'), true)
  const again = new UserTable(store)
  const expected = [user('a', { is_superuser: true }), user('b', { password_hash: 'other' })]
  assert.deepEqual(again.list(), expected)
  assert.deepEqual(users.list(), expected)
  assert.equal(again.size, 2)
})

test('who is there already stays as it is, and of two with one name the first comes in', async () => {
  const users = new UserTable(new MemoryStore())
  await users.add([user('a')])
  assert.equal(await users.add([user('a', { salt: 'x' }), user('b', { salt: '1' }), user('b', { salt: '2' })]), 1)
  assert.deepEqual(users.get('a'), user('a'))
  assert.deepEqual(users.get('b'), user('b', { salt: '1' }))
})

test('who is not there is neither changed nor removed', async () => {
  const store = new MemoryStore()
  const users = new UserTable(store)
  assert.equal(await users.update(user('a')), false)
  assert.equal(await users.remove('a'), false)
  assert.deepEqual([users.size, users.any(), users.get('a'), store.commits], [0, undefined, undefined, []])
})

test('what the store refuses has not happened', async () => {
  const store = new MemoryStore()
  const users = new UserTable(store)
  await users.add([user('a')])
  for (const change of [
    () => users.add([user('b')]),
    () => users.update(user('a', { salt: 'x' })),
    () => users.remove('a'),
  ]) {
    store.fail = new Error('disk full')
    await assert.rejects(change, /disk full/)
    assert.deepEqual(users.list(), [user('a')])
  }
})

test('many users come in a few transactions', async () => {
  const store = new MemoryStore()
  await new UserTable(store).add(Array.from({ length: 2500 }, (_, index) => user(`u${index}`)))
  assert.deepEqual(store.commits, [1000, 1000, 500])
})

test('without a store users live as long as the table', async () => {
  const users = new UserTable()
  assert.equal(await users.add([user('a')]), 1)
  assert.deepEqual(users.any(), user('a'))
})

test('what is no user is not passed over', async () => {
  const store = new MemoryStore()
  await store.commit([{ table: 'users', key: Buffer.from('a'), value: Buffer.from('{"salt":1}') }])
  assert.throws(() => new UserTable(store), /holds something under users that is no user: "a"/)
})
