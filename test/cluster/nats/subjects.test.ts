import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bucketName, BusSubjects, decodeToken, encodeToken } from '../../../src/cluster/nats/subjects.ts'

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom('', '.', '=', '=41', 'A', ' ', '*', '>', '\n', '\0', 'a1@127.0.0.1', 'lease/eu-west', 'ü'),
)

test('any text is one token of a subject, and comes back', () => {
  fc.assert(
    fc.property(text, (name) => {
      const token = encodeToken(name)
      assert.match(token, /^[-/=\w]+$/)
      assert.equal(decodeToken(token), name)
    }),
  )
})

test('different texts are different tokens', () => {
  fc.assert(fc.property(text, text, (a, b) => assert.equal(encodeToken(a) === encodeToken(b), a === b)))
})

test('plain names are readable', () => {
  assert.equal(encodeToken('lease/eu-west_1'), 'lease/eu-west_1')
  assert.equal(encodeToken('a1@127.0.0.1'), 'a1=40127=2E0=2E0=2E1')
})

for (const token of ['', 'a b', 'a.b', '=4', '=4g', '=ag', 'ü', '*', '>']) {
  test(`${JSON.stringify(token)} is nobody's token`, () => assert.equal(decodeToken(token), undefined))
}

test('a name that no subject can hold is refused', () => {
  assert.equal(decodeToken(encodeToken('x'.repeat(2000))), 'x'.repeat(2000))
  assert.throws(() => encodeToken('x'.repeat(2001)), RangeError)
  assert.throws(() => encodeToken('ü'.repeat(1000)), RangeError)
})

test('each prefix and cluster has a bucket of its own, with a name that a file can have', () => {
  const prefix = fc.stringMatching(/^[\w-]{1,20}(?:\.[\w-]{1,20}){0,2}$/)
  const cluster = fc.stringMatching(/^[0-9a-zA-Z][-0-9a-zA-Z_.]{0,253}$/)
  fc.assert(
    fc.property(prefix, cluster, prefix, cluster, (p, c, q, d) => {
      const [one, other] = [bucketName(p, c), bucketName(q, d)]
      assert.match(one, /^[\w-]{1,250}$/)
      assert.equal(one === other, p === q && c === d)
    }),
  )
  assert.equal(bucketName('isthmus', 'us-east'), 'isthmus__us-east')
  assert.notEqual(bucketName('a_', 'b'), bucketName('a', '_b'))
  const long = 'x'.repeat(254)
  assert.notEqual(bucketName('isthmus', `${long}1`), bucketName('isthmus', `${long}2`))
})

const subjects = new BusSubjects('my.prefix', 'us.east', { node: 'a@h', boot: 'b 1' })
const receiver = new BusSubjects('my.prefix', 'us.east', { node: 'b@h', boot: '2' })

test('the subject of a message names its sender, and is heard by whom it is for', () => {
  const toAll = subjects.toAll('maps')
  assert.equal(toAll, 'my.prefix.us=2Eeast.all.maps.a=40h.b=201')
  const toB = subjects.toNode('b@h', 'maps')
  assert.equal(toB, 'my.prefix.us=2Eeast.to.b=40h.maps.a=40h.b=201')
  const heard = receiver.heardOn('maps').map((subject) => subject.slice(0, -1))
  assert.ok(toAll.startsWith(heard[0] ?? '?') && toB.startsWith(heard[1] ?? '?'))
  for (const subject of [toAll, toB]) assert.deepEqual(receiver.senderOf(subject), { node: 'a@h', boot: 'b 1' })
  assert.equal(receiver.senderOf(toAll), receiver.senderOf(toAll))
})

for (const rest of ['all.maps.x', 'all.maps.x.y.z', 'to.b=40h.maps.x', 'all.maps.=4.y', 'all.maps.x.', '']) {
  test(`a subject that ends with "${rest}" names nobody`, () => {
    assert.equal(receiver.senderOf(`my.prefix.us=2Eeast.${rest}`), undefined)
  })
}

test('what is remembered of senders does not grow with what comes', () => {
  const many = new BusSubjects('p', 'c', { node: 'a', boot: '1' })
  const first = many.senderOf('p.c.all.maps.x.0')
  for (let index = 1; index <= 10_000; index++) many.senderOf(`p.c.all.maps.x.${index}`)
  const again = many.senderOf('p.c.all.maps.x.0')
  assert.deepEqual(again, first)
  assert.notEqual(again, first)
})
