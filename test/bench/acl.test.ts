/** What the figures with authorization rest on: the load is judged by its topics, and allowed near the end of the rules. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ISTHMUS_ACL } from '../../scripts/bench/acl.ts'
import { topicName, USERNAME } from '../../scripts/bench/load.ts'
import { RuleAuthorizer } from '../../src/broker/access/acl/rule-authorizer.ts'
import { parseAcl } from '../../src/config/authorization/parse-acl.ts'

function accessUnder(ruleCount?: number) {
  const parsed = parseAcl(ISTHMUS_ACL)
  assert.equal(parsed.type, 'ok')
  const rules = parsed.type === 'ok' ? parsed.rules : []
  const authorizer = new RuleAuthorizer({
    no_match: 'deny',
    deny_action: 'ignore',
    cache: { enable: true, max_size: 32 },
    topic_template_allow: { plus: false, hash: false, slash: false },
    sources: [{ type: 'file', enable: true, path: undefined, rules: rules.slice(0, ruleCount) }],
  })
  const access = authorizer.accessOf({
    clientId: 'bench-pub-0-1',
    username: USERNAME,
    peerHost: '127.0.0.1',
    peerPort: 50_000,
    protocolVersion: 4,
    listener: 'tcp:default',
    certificate: undefined,
    isSuperuser: false,
    attributes: {},
  })
  return { access, ruleCount: rules.length }
}

test('the load may be published and subscribed, and nothing near it', () => {
  const { access, ruleCount } = accessUnder()
  assert.equal(ruleCount, 20)
  assert.equal(access.publishesFreely, false)
  assert.equal(access.mayPublish(topicName(7), 2, false), true)
  assert.equal(access.maySubscribe(topicName(7), 2), true)
  assert.equal(access.mayPublish('bench/other/000007', 2, false), false)
  assert.equal(access.maySubscribe('bench/#', 2), false)
})

test('it is the third rule from the end that allows it', () => {
  for (const [ruleCount, may] of [
    [17, false],
    [18, true],
  ] as const)
    assert.equal(accessUnder(ruleCount).access.mayPublish(topicName(7), 2, false), may)
})
