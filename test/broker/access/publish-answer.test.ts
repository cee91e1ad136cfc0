/** The answer that is kept beside a topic: as good as a fresh one, whoever asks, whatever is asked, and after new rules. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RuleAuthorizer } from '../../../src/broker/access/acl/rule-authorizer.ts'
import { configOf, identity, rulesOf } from './acl-client.ts'

const books = [
  '{deny, {user, "v"}, publish, ["t"]}. {allow, all, {publish, [{qos, 0}]}, ["t"]}.',
  '{allow, all, {publish, [{retain, false}]}, ["${username}", "t"]}.',
  '{allow, {clientid, "c"}, publish, ["t"]}. {deny, all}.',
  '{deny, all, publish, ["+"]}. {allow, all}.',
].map((text) => configOf(rulesOf(text)))

const question = fc.record({
  client: fc.nat({ max: 3 }),
  qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
  retain: fc.boolean(),
  newRules: fc.option(fc.constantFrom(...books), { nil: undefined, freq: 4 }),
})

test('an answer kept beside a topic is what a fresh question would bring', () => {
  fc.assert(
    fc.property(fc.array(question, { maxLength: 30 }), (questions) => {
      const authorizer = new RuleAuthorizer(books[0]!)
      const clients = [{}, { username: 'v' }, { clientId: 'd' }, { isSuperuser: true }]
      const access = clients.map((client) => authorizer.accessOf({ ...identity, ...client }))
      const answer = { answeredFor: undefined, answerBits: 0 }
      for (const { client, qos, retain, newRules } of questions) {
        if (newRules !== undefined) authorizer.configure(newRules)
        const fresh = authorizer.accessOf({ ...identity, ...clients[client] }).mayPublish('t', qos, retain)
        assert.equal(access[client]!.mayPublish('t', qos, retain, answer), fresh)
      }
    }),
  )
})
