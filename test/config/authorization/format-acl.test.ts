import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAclRule } from '../../../src/config/authorization/format-acl.ts'
import { lineOfRule, parseAcl } from '../../../src/config/authorization/parse-acl.ts'

for (const written of [
  '{allow, all, all, all}.',
  '{deny, all, subscribe, ["$SYS/#", {eq, "#"}]}.',
  '{allow, {username, "dash\\"board"}, publish, ["a/${clientid}/#", "b/${username}"]}.',
  '{allow, {clientid, {re, "^c-[0-9]+\\\\."}}, {publish, [{qos, 1}, {retain, false}]}, ["${client_attrs.site}/+"]}.',
  '{deny, {ipaddr, "10.0.0.0/8"}, {subscribe, [{qos, [0, 1]}]}, ["x"]}.',
  `{allow, {'and', [{listener, "tcp:default"}, {ipaddrs, ["127.0.0.1/32", "fd00::/8"]}]}, all, ["\${$}{x}/y"]}.`,
  `{allow, {'or', [{client_attr, "site", "a"}, {username, "b"}]}, {all, [{retain, true}]}, ["\${cert_common_name}"]}.`,
])
  test(`a rule is written as it was read: ${written}`, () => {
    const read = parseAcl(written)
    assert.ok(read.type === 'ok', JSON.stringify(read))
    const [rule] = read.rules
    assert.ok(rule !== undefined)
    assert.equal(formatAclRule(rule), written)
  })

test('what is left out when it is written means the same when it is read again', () => {
  const text = '{allow, {user, "a"}}.\n{deny, {client, "b"}, pubsub, ["%c/x"]}.\n\n%% nothing\n{allow, all}.'
  const read = parseAcl(text)
  assert.ok(read.type === 'ok')
  const again = parseAcl(read.rules.map(formatAclRule).join('\n'))
  assert.deepEqual(again.type === 'ok' && again.rules, read.rules)
  assert.deepEqual(read.rules.map(lineOfRule), [1, 2, 5])
})
