import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AclAction, AclRule, AclTopic, AclWho } from '../../../src/config/authorization/acl-rule.ts'
import { type AclProblem, parseAcl } from '../../../src/config/authorization/parse-acl.ts'

function rulesOf(text: string): readonly AclRule[] {
  const result = parseAcl(text)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.rules
}

function problemsOf(text: string): readonly AclProblem[] {
  const result = parseAcl(text)
  assert.ok(result.type === 'invalid', 'should be refused')
  return result.problems
}

const every: AclAction = { type: 'all', qos: [0, 1, 2], retain: 'all' }
const filter = (...parts: Extract<AclTopic, { type: 'filter' }>['parts']): AclTopic => ({ type: 'filter', parts })

test("EMQX's own acl.conf is read", () => {
  const text = `%%-- the file that EMQX comes with
{allow, {username, {re, "^dashboard$"}}, subscribe, ["$SYS/#"]}.
{allow, {ipaddr, "127.0.0.1"}, all, ["$SYS/#", "#"]}.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}, {eq, "+/#"}]}.
{allow, all}.`
  assert.deepEqual(rulesOf(text), [
    {
      permission: 'allow',
      who: { type: 'username', is: { type: 're', pattern: '^dashboard$' } },
      action: { ...every, type: 'subscribe' },
      topics: [filter('$SYS/#')],
    },
    {
      permission: 'allow',
      who: { type: 'ipaddr', networks: [{ family: 'ipv4', address: '127.0.0.1', prefixLength: 32 }] },
      action: every,
      topics: [filter('$SYS/#'), filter('#')],
    },
    {
      permission: 'deny',
      who: { type: 'all' },
      action: { ...every, type: 'subscribe' },
      topics: [filter('$SYS/#'), { type: 'eq', topic: '#' }, { type: 'eq', topic: '+/#' }],
    },
    { permission: 'allow', who: { type: 'all' }, action: every, topics: 'all' },
  ])
})

const eq = (text: string) => ({ type: 'eq', text }) as const
for (const { written, who } of [
  { written: 'all', who: { type: 'all' } },
  { written: '{user, "u"}', who: { type: 'username', is: eq('u') } },
  { written: '{username, <<"u">>}', who: { type: 'username', is: eq('u') } },
  { written: '{client, "c"}', who: { type: 'clientid', is: eq('c') } },
  { written: '{clientid, "c"}', who: { type: 'clientid', is: eq('c') } },
  { written: '{clientid, {re, "^link-"}}', who: { type: 'clientid', is: { type: 're', pattern: '^link-' } } },
  { written: '{client_attr, "site", "a"}', who: { type: 'client_attr', name: 'site', is: eq('a') } },
  {
    written: '{client_attr, <<"site">>, {re, "^a"}}',
    who: { type: 'client_attr', name: 'site', is: { type: 're', pattern: '^a' } },
  },
  { written: "{listener, 'tcp:default'}", who: { type: 'listener', is: eq('tcp:default') } },
  {
    written: '{ipaddr, "10.1.2.3/8"}',
    who: { type: 'ipaddr', networks: [{ family: 'ipv4', address: '10.1.2.3', prefixLength: 8 }] },
  },
  {
    written: '{ipaddrs, ["::1", "fd00::/8"]}',
    who: {
      type: 'ipaddr',
      networks: [
        { family: 'ipv6', address: '::1', prefixLength: 128 },
        { family: 'ipv6', address: 'fd00::', prefixLength: 8 },
      ],
    },
  },
  {
    written: `{'and', [{user, "u"}, {'or', [{client, "a"}, {client, "b"}]}]}`,
    who: {
      type: 'and',
      of: [
        { type: 'username', is: eq('u') },
        {
          type: 'or',
          of: [
            { type: 'clientid', is: eq('a') },
            { type: 'clientid', is: eq('b') },
          ],
        },
      ],
    },
  },
] satisfies { written: string; who: AclWho }[]) {
  test(`who: ${written}`, () => assert.deepEqual(rulesOf(`{allow, ${written}}.`)[0]?.who, who))
}

for (const { written, action } of [
  { written: 'all', action: every },
  { written: 'pubsub', action: every },
  { written: 'publish', action: { ...every, type: 'publish' } },
  { written: 'subscribe', action: { ...every, type: 'subscribe' } },
  { written: '{publish, []}', action: { ...every, type: 'publish' } },
  { written: '{publish, [{qos, 1}]}', action: { ...every, type: 'publish', qos: [1] } },
  { written: '{publish, [{qos, [2, 0]}, {retain, false}]}', action: { type: 'publish', qos: [0, 2], retain: false } },
  { written: '{publish, [{qos, 0}, {qos, 1}]}', action: { ...every, type: 'publish', qos: [0, 1] } },
  { written: '{publish, {retain, true}}', action: { ...every, type: 'publish', retain: true } },
  { written: '{publish, [{retain, all}]}', action: { ...every, type: 'publish' } },
  { written: '{subscribe, {qos, 1}}', action: { ...every, type: 'subscribe', qos: [1] } },
  { written: '{all, [{qos, 2}, {retain, false}]}', action: { type: 'all', qos: [2], retain: false } },
] satisfies { written: string; action: AclAction }[]) {
  test(`action: ${written}`, () => assert.deepEqual(rulesOf(`{allow, all, ${written}, ["t"]}.`)[0]?.action, action))
}

for (const { written, topics } of [
  { written: 'all', topics: 'all' },
  { written: '[]', topics: [] },
  { written: '["a/+/#", <<"b">>]', topics: [filter('a/+/#'), filter('b')] },
  {
    written: '[{eq, "a/#"}, "eq +/b"]',
    topics: [
      { type: 'eq', topic: 'a/#' },
      { type: 'eq', topic: '+/b' },
    ],
  },
  {
    written: '["d/${clientid}/#", "${username}"]',
    topics: [filter('d/', { placeholder: 'clientid' }, '/#'), filter({ placeholder: 'username' })],
  },
  {
    written: '["${client_attrs.site}-${cert_common_name}/t"]',
    topics: [filter({ placeholder: 'client_attrs', name: 'site' }, '-', { placeholder: 'cert_common_name' }, '/t')],
  },
  {
    written: '["%c/%u/%c"]',
    topics: [filter({ placeholder: 'clientid' }, '/', { placeholder: 'username' }, '/', { placeholder: 'clientid' })],
  },
  { written: '["50%c/a%u"]', topics: [filter('50%c/a%u')] },
  { written: '["${$}{clientid}/a"]', topics: [filter('${clientid}/a')] },
  { written: '[{eq, "${clientid}"}]', topics: [{ type: 'eq', topic: '${clientid}' }] },
] satisfies { written: string; topics: AclRule['topics'] }[]) {
  test(`topics: ${written}`, () => assert.deepEqual(rulesOf(`{deny, all, all, ${written}}.`)[0]?.topics, topics))
}

for (const { rule, column, says } of [
  { rule: '{alow, all}', column: 2, says: /expected allow or deny, got "alow"; did you mean allow\?/ },
  { rule: 'allow', column: 1, says: /expected a rule: \{allow, WHO/ },
  { rule: '{allow}', column: 1, says: /a rule of 1 parts/ },
  { rule: '{allow, all, publish}', column: 1, says: /a rule of 3 parts/ },
  { rule: '{allow, all, publish, [], []}', column: 1, says: /a rule of 5 parts/ },
  { rule: '{allow, {usernme, "u"}}', column: 10, says: /did you mean username\?/ },
  { rule: '{allow, {constructor, "u"}}', column: 10, says: /says not who/ },
  { rule: '{allow, everybody}', column: 9, says: /says not who.*expected all/ },
  { rule: '{allow, {username}}', column: 10, says: /says not who/ },
  { rule: '{allow, {zone, default}}', column: 10, says: /\{zone, \.\.\.\}: this version of Isthmus has none/ },
  { rule: '{allow, {security_profile, hardened}}', column: 10, says: /has none/ },
  { rule: '{allow, {username, 7}}', column: 20, says: /expected text in double quotes, got 7/ },
  { rule: '{allow, {username, {rx, "u"}}}', column: 20, says: /\{re, "pattern"\}/ },
  { rule: '{allow, {username, {re, "(u"}}}', column: 25, says: /pattern is no good.*missing closing \)/ },
  { rule: '{allow, {ipaddr, "10.0.0.300"}}', column: 18, says: /"10\.0\.0\.300" is no address/ },
  { rule: '{allow, {ipaddr, "10.0.0.0/33"}}', column: 18, says: /is no address/ },
  { rule: '{allow, {ipaddrs, "10.0.0.1"}}', column: 19, says: /expected a list of addresses/ },
  { rule: '{allow, {\'and\', {user, "u"}}}', column: 17, says: /expected a list/ },
  { rule: '{allow, all, publsh, []}', column: 14, says: /did you mean publish\?/ },
  { rule: '{allow, all, {publish, [{qos, 3}]}, []}', column: 31, says: /3 is no QoS/ },
  { rule: '{allow, all, {publish, [{qos, []}]}, []}', column: 31, says: /no QoS at all/ },
  { rule: '{allow, all, {publish, [{retian, true}]}, []}', column: 26, says: /did you mean retain\?/ },
  { rule: '{allow, all, {publish, [{retain, "true"}]}, []}', column: 34, says: /expected true, false or all/ },
  { rule: '{allow, all, {subscribe, [{retain, true}]}, []}', column: 28, says: /expected qos/ },
  { rule: '{allow, all, {publish, [qos]}, []}', column: 25, says: /expected \{qos, 1\}/ },
  { rule: '{allow, all, all, "t/#"}', column: 19, says: /expected a list of topic filters.*write \["t\/#"\]/ },
  { rule: '{allow, all, all, ["a/#/b"]}', column: 20, says: /no topic filter: topic_invalid_#/ },
  { rule: '{allow, all, all, [""]}', column: 20, says: /empty_topic/ },
  { rule: '{allow, all, all, ["a/${clientd}"]}', column: 20, says: /did you mean \$\{clientid\}\?/ },
  { rule: '{allow, all, all, ["${client_attr.x}"]}', column: 20, says: /did you mean \$\{client_attrs\.NAME\}\?/ },
  { rule: '{allow, all, all, ["${zone}/a"]}', column: 20, says: /has no zones/ },
  { rule: '{allow, all, all, ["$share/g/t"]}', column: 20, says: /without \$share\/GROUP\// },
  { rule: '{allow, all, all, [{equal, "t"}]}', column: 20, says: /\{eq, "a\/#"\}/ },
]) {
  test(`refused: ${rule}`, () => {
    const problems = problemsOf(`{allow, all}.\n${rule}.\n`)
    assert.equal(problems.length, 1, JSON.stringify(problems))
    assert.deepEqual({ line: problems[0]?.line, column: problems[0]?.column }, { line: 2, column })
    assert.match(problems[0]?.message ?? '', says)
  })
}

test('every error of every rule is told at once, in the order of the text', () => {
  const text = '{alow, {usr, "x"}, publsh, "t"}.\n{allow, all, all, ["a/#/b", "${x}"]}.\n{deny, "x\n{deny, al}.'
  assert.deepEqual(
    problemsOf(text).map(({ line, column }) => `${line}:${column}`),
    ['1:2', '1:9', '1:20', '1:28', '2:20', '2:29', '3:8', '4:8'],
  )
})

test('a text of nothing but errors is told of as far as somebody would read', () => {
  assert.equal(problemsOf('{alow, all}.\n'.repeat(1000)).length, 50)
})

test('a hundred thousand rules are read', () => {
  assert.equal(rulesOf('{allow, {user, "u"}, publish, ["a/b/#"]}.\n'.repeat(100_000)).length, 100_000)
})

const names = fc.constantFrom('u', '^a+$', '${clientid}', 'a/#', '$LINK/#', '+', '10.0.0.0/8', '(', '')
const fragment: fc.Memo<string> = fc.memo((depth) =>
  depth <= 1
    ? fc.oneof(
        names.map((name) => JSON.stringify(name)),
        fc.constantFrom(
          'all',
          'allow',
          'deny',
          'publish',
          'qos',
          'retain',
          're',
          'eq',
          'username',
          'ipaddr',
          "'and'",
          '1',
          '[]',
          '{}',
        ),
        fc.string(),
      )
    : fc.oneof(
        fragment(1),
        fc.array(fragment(depth - 1), { maxLength: 4 }).map((items) => `{${items.join(', ')}}`),
        fc.array(fragment(depth - 1), { maxLength: 4 }).map((items) => `[${items.join(', ')}]`),
      ),
)

test('property: whatever a rule is made of, the answer is rules or problems within the text', () => {
  fc.assert(
    fc.property(fc.array(fragment(4), { maxLength: 5 }), (rules) => {
      const text = rules.map((rule) => `${rule}.\n`).join('')
      const result = parseAcl(text)
      if (result.type === 'ok') return
      assert.ok(result.problems.length > 0)
      for (const { line, column } of result.problems) assert.ok(line >= 1 && column >= 1)
    }),
    { numRuns: 1000 },
  )
})
