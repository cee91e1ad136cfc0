import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { RuleAuthorizer } from '../../../src/broker/access/acl/rule-authorizer.ts'
import type { Identity } from '../../../src/broker/access/client-info.ts'
import type { QoS } from '../../../src/packets/message.ts'
import { patternTextMax } from '../../../src/config/authorization/linear-pattern.ts'
import { accessOf, configOf, identity, rulesOf } from './acl-client.ts'

const attributes = { site: 'a', plus: '+', deep: 'a/b' }
const certificate = { commonName: 'cn', subject: 'CN=cn' }

for (const { who, client = {}, fits } of [
  { who: 'all', fits: true },
  { who: '{user, "u"}', fits: true },
  { who: '{user, "U"}', fits: false },
  { who: '{user, "undefined"}', client: { username: undefined }, fits: false },
  { who: '{user, {re, ""}}', client: { username: undefined }, fits: false },
  { who: '{clientid, "c"}', fits: true },
  { who: '{clientid, {re, "^link-"}}', client: { clientId: 'link-a' }, fits: true },
  { who: '{clientid, {re, "^link-"}}', client: { clientId: 'xlink-a' }, fits: false },
  { who: '{ipaddr, "10.0.0.0/8"}', fits: true },
  { who: '{ipaddr, "10.1.2.4"}', fits: false },
  { who: '{ipaddr, "10.9.9.9/8"}', fits: true },
  { who: '{ipaddr, "0.0.0.0/0"}', fits: true },
  { who: '{ipaddr, "0.0.0.0/0"}', client: { peerHost: '::1' }, fits: false },
  { who: '{ipaddrs, ["192.168.0.0/16", "10.1.2.3"]}', fits: true },
  { who: '{ipaddrs, []}', fits: false },
  { who: '{ipaddr, "fe80::/10"}', client: { peerHost: 'fe80::1%eth0' }, fits: true },
  { who: '{client_attr, "site", "a"}', client: { attributes }, fits: true },
  { who: '{client_attr, "site", {re, "^b"}}', client: { attributes }, fits: false },
  { who: '{client_attr, "constructor", {re, ""}}', client: { attributes }, fits: false },
  { who: '{listener, "tcp:default"}', fits: true },
  { who: '{listener, {re, "^ssl:"}}', fits: false },
  { who: `{'and', [{user, "u"}, {clientid, "c"}]}`, fits: true },
  { who: `{'and', [{user, "u"}, {clientid, "d"}]}`, fits: false },
  { who: `{'and', []}`, fits: true },
  { who: `{'or', [{user, "x"}, {clientid, "c"}]}`, fits: true },
  { who: `{'or', []}`, fits: false },
] satisfies { who: string; client?: Partial<Identity>; fits: boolean }[]) {
  test(`a rule for ${who} ${fits ? 'is' : 'is not'} about ${JSON.stringify(client)}`, () => {
    assert.equal(accessOf(`{allow, ${who}, publish, ["t"]}.`, client).mayPublish('t', 0, false), fits)
    assert.equal(accessOf(`{allow, ${who}}.`, client).publishesFreely, fits)
  })
}

for (const { topics, topic, client = {}, may } of [
  { topics: '["a/#"]', topic: 'a', may: true },
  { topics: '["a/#"]', topic: 'a/b/c', may: true },
  { topics: '["a/#"]', topic: 'ab', may: false },
  { topics: '["a/+"]', topic: 'a/b', may: true },
  { topics: '["a/+"]', topic: 'a/b/c', may: false },
  { topics: '["a/+"]', topic: 'a/', may: true },
  { topics: '["#"]', topic: '$other/a', may: true },
  { topics: '["+/a"]', topic: '$other/a', may: true },
  { topics: '[{eq, "a/#"}]', topic: 'a/b', may: false },
  { topics: '["x", "a/b"]', topic: 'a/b', may: true },
  { topics: '[]', topic: 'a', may: false },
  { topics: '["d/${clientid}/#"]', topic: 'd/c/x', may: true },
  { topics: '["d/${clientid}/#"]', topic: 'd/d/x', may: false },
  { topics: '["d/${username}"]', topic: 'd/', client: { username: undefined }, may: false },
  { topics: '["d/${username}"]', topic: 'd/undefined', client: { username: undefined }, may: false },
  { topics: '["x/${username}", "y"]', topic: 'y', client: { username: undefined }, may: true },
  { topics: '["d/${client_attrs.site}"]', topic: 'd/a', client: { attributes }, may: true },
  { topics: '["d/${client_attrs.none}"]', topic: 'd/', client: { attributes }, may: false },
  { topics: '["d/${client_attrs.toString}"]', topic: 'd/', client: { attributes }, may: false },
  { topics: '["d/${cert_common_name}"]', topic: 'd/cn', client: { certificate }, may: true },
  { topics: '["d/${cert_common_name}"]', topic: 'd/', may: false },
  // Who calls itself a wildcard has nobody's rights.
  { topics: '["d/${clientid}/x"]', topic: 'd/victim/x', client: { clientId: '+' }, may: false },
  { topics: '["d/${clientid}"]', topic: 'd/victim/x', client: { clientId: '#' }, may: false },
  { topics: '["d/${clientid}/x"]', topic: 'd/victim/y/x', client: { clientId: 'victim/y' }, may: false },
  { topics: '["d/${client_attrs.plus}"]', topic: 'd/victim', client: { attributes }, may: false },
] satisfies { topics: string; topic: string; client?: Partial<Identity>; may: boolean }[]) {
  test(`a rule for ${topics} ${may ? 'lets' : 'does not let'} ${JSON.stringify(client)} publish ${topic}`, () => {
    assert.equal(accessOf(`{allow, all, publish, ${topics}}.`, client).mayPublish(topic, 0, false), may)
    const denied = accessOf(`{deny, all, publish, ${topics}}.`, client, { no_match: 'allow' })
    assert.equal(denied.mayPublish(topic, 0, false), !may)
  })
}

test('what values of placeholders may hold can be widened', () => {
  const rule = '{allow, all, all, ["d/${clientid}/x"]}.'
  const allow = { plus: true, hash: false, slash: true }
  assert.ok(accessOf(rule, { clientId: 'a/b' }, { topic_template_allow: allow }).mayPublish('d/a/b/x', 0, false))
  assert.ok(accessOf(rule, { clientId: '+' }, { topic_template_allow: allow }).mayPublish('d/any/x', 0, false))
  assert.ok(!accessOf(rule, { clientId: '#' }, { topic_template_allow: allow }).mayPublish('d/any/x', 0, false))
})

for (const { rule, asked, allowed, denied } of [
  { rule: 'a/#', asked: 'a/b/+', allowed: true, denied: true },
  { rule: 'a/#', asked: 'a/#', allowed: true, denied: true },
  { rule: 'a/+', asked: 'a/+', allowed: true, denied: true },
  { rule: 'a/b', asked: 'a/+', allowed: false, denied: false },
  // EMQX allows this one, and with it all below `a/`.
  { rule: 'a/+', asked: 'a/#', allowed: false, denied: true },
  { rule: '+', asked: '#', allowed: false, denied: true },
  { rule: '+/#', asked: '#', allowed: true, denied: true },
  { rule: '/+/#', asked: '/#', allowed: true, denied: true },
  { rule: '#', asked: '+/+', allowed: true, denied: true },
  // As in EMQX: a wider subscription is not the rule's; `{eq, "#"}` is for that.
  { rule: 'secret/#', asked: '#', allowed: false, denied: false },
  { rule: 'secret/#', asked: '+/#', allowed: false, denied: false },
]) {
  test(`subscribing ${asked} by a rule for ${rule}`, () => {
    assert.equal(accessOf(`{allow, all, subscribe, ["${rule}"]}.`).maySubscribe(asked, 0), allowed)
    const access = accessOf(`{deny, all, subscribe, ["${rule}"]}.`, {}, { no_match: 'allow' })
    assert.equal(access.maySubscribe(asked, 0), !denied)
  })
}

test('a filter that is named exactly is that one alone', () => {
  const access = accessOf('{deny, all, subscribe, [{eq, "#"}, "eq +/#"]}.', {}, { no_match: 'allow' })
  assert.deepEqual(
    ['#', '+/#', 'a/#', '+/+'].map((asked) => access.maySubscribe(asked, 0)),
    [false, false, true, true],
  )
})

for (const { action, publish, subscribe } of [
  {
    action: 'publish',
    publish: [
      [0, false],
      [1, true],
    ],
    subscribe: [],
  },
  { action: 'subscribe', publish: [], subscribe: [0, 1, 2] },
  {
    action: 'all',
    publish: [
      [0, false],
      [2, true],
    ],
    subscribe: [0, 2],
  },
  { action: 'pubsub', publish: [[1, false]], subscribe: [1] },
  {
    action: '{publish, [{qos, [0, 1]}, {retain, false}]}',
    publish: [
      [0, false],
      [1, false],
    ],
    subscribe: [],
  },
  {
    action: '{publish, [{retain, true}]}',
    publish: [
      [0, true],
      [1, true],
      [2, true],
    ],
    subscribe: [],
  },
  { action: '{subscribe, [{qos, 1}]}', publish: [], subscribe: [1] },
  { action: '{all, [{qos, 2}, {retain, false}]}', publish: [[2, false]], subscribe: [2] },
] satisfies { action: string; publish: [QoS, boolean][]; subscribe: QoS[] }[]) {
  test(`a rule for ${action} is about that and nothing else`, () => {
    const access = accessOf(`{allow, all, ${action}, ["t"]}.`)
    const exact = !/^(publish|subscribe|all|pubsub)$/.test(action)
    for (const [qos, retain] of publish) assert.ok(access.mayPublish('t', qos, retain))
    for (const qos of subscribe) assert.ok(access.maySubscribe('t', qos))
    const combinations = ([0, 1, 2] as const).flatMap((qos) => [false, true].map((retain) => [qos, retain] as const))
    const count = combinations.filter(([qos, retain]) => access.mayPublish('t', qos, retain)).length
    assert.equal(count, exact || publish.length === 0 ? publish.length : 6)
    const subscriptions = ([0, 1, 2] as const).filter((qos) => access.maySubscribe('t', qos)).length
    assert.equal(subscriptions, exact || subscribe.length === 0 ? subscribe.length : 3)
  })
}

test('the first rule that speaks of it decides', () => {
  const access = accessOf('{deny, all, publish, ["a/b"]}.\n{allow, all, all, ["a/#"]}.\n{deny, all}.\n{allow, all}.')
  assert.deepEqual(
    ['a/b', 'a/c', 'x'].map((topic) => access.mayPublish(topic, 0, false)),
    [false, true, false],
  )
  assert.ok(access.maySubscribe('a/b', 0))
})

const source = (text: string, enable = true) => ({ type: 'file', enable, path: 'x', rules: rulesOf(text) }) as const

test('several sources are one list, and one that is switched off is none', () => {
  const sources = [source('{deny, all}.', false), source('{deny, all, all, ["a"]}.'), source('{allow, all}.')]
  const access = new RuleAuthorizer(configOf([], { sources })).accessOf(identity)
  assert.deepEqual([access.mayPublish('a', 0, false), access.mayPublish('b', 0, false)], [false, true])
})

test('what no rule speaks of is as no_match says', () => {
  for (const noMatch of ['allow', 'deny'] as const) {
    const access = accessOf('{deny, {user, "x"}}.', {}, { no_match: noMatch })
    assert.equal(access.mayPublish('t', 0, false), noMatch === 'allow')
    assert.equal(access.maySubscribe('t', 0), noMatch === 'allow')
    assert.equal(access.publishesFreely, noMatch === 'allow')
  }
})

for (const { rules, free } of [
  { rules: '{allow, all}.', free: true },
  { rules: '{allow, all, all, ["#"]}.', free: true },
  { rules: '{deny, all, subscribe, ["#"]}. {allow, all}.', free: true },
  { rules: '{deny, all, publish, ["$LINK/#", "$SYS/#"]}. {allow, all}.', free: true },
  { rules: '{deny, {user, "x"}}. {allow, all, publish, ["a"]}. {allow, all}.', free: true },
  {
    rules: '{allow, all, {publish, [{qos, [0, 1]}]}, all}. {allow, all, {publish, [{qos, 2}]}, all}. {deny, all}.',
    free: true,
  },
  { rules: '{allow, all, {publish, [{retain, false}]}, all}. {deny, all}.', free: false },
  { rules: '{deny, all, {publish, [{retain, true}]}, ["a"]}. {allow, all}.', free: false },
  { rules: '{allow, all, publish, ["a"]}.', free: false },
  { rules: '{allow, all, subscribe, all}.', free: false },
]) {
  test(`${rules} ${free ? 'needs no look at topics' : 'needs a look at each topic'}`, () => {
    assert.equal(accessOf(rules).publishesFreely, free)
  })
}

test('without rules everything is open but publishing to $SYS', () => {
  const open = new RuleAuthorizer(configOf([], { no_match: 'allow', sources: [] }))
  assert.ok(open.isOpen)
  const access = open.accessOf(identity)
  assert.ok(access.publishesFreely)
  assert.ok(access.maySubscribe('$SYS/#', 0))
  assert.ok(!access.mayPublish('$SYS/broker/uptime', 0, false))
  assert.equal(access.link('publish', '$LINK/cluster/msg/b', 1), 'unsaid')
})

test('rules that are not there, or that are all denied, are no openness', () => {
  assert.ok(!new RuleAuthorizer(configOf([], { no_match: 'deny', sources: [] })).isOpen)
  assert.ok(!new RuleAuthorizer(configOf([], { no_match: 'allow' })).isOpen)
})

for (const { rules, may } of [
  { rules: '{allow, all}.', may: false },
  { rules: '{allow, all, all, ["#", "+/#", "+/broker/#"]}.', may: false },
  { rules: '{allow, all, all, [{eq, "#"}]}.', may: false },
  { rules: '{allow, all, subscribe, ["${username}/#"]}.', may: false },
  { rules: '{allow, all, subscribe, ["$SY${client_attrs.s}/#"]}.', may: false },
  { rules: '{allow, all, publish, ["$SYS/#"]}.', may: false },
  { rules: '{allow, all, subscribe, ["$SYS/broker/#"]}.', may: true },
  { rules: '{allow, all, subscribe, ["$SYS/#"]}. {deny, all}.', may: true },
  { rules: '{allow, all, subscribe, ["$SYS/broker/${client_attrs.up}"]}.', may: true },
  { rules: '{deny, all}. {allow, all, subscribe, ["$SYS/#"]}.', may: false },
  { rules: '{deny, all, subscribe, ["+/broker/#"]}. {allow, all, subscribe, ["$SYS/#"]}.', may: false },
  { rules: '{deny, all, subscribe, ["$SYS/broker/uptime"]}. {allow, all, subscribe, ["$SYS/#"]}.', may: false },
]) {
  for (const noMatch of ['allow', 'deny'] as const) {
    test(`$SYS by ${rules} (no_match = ${noMatch}) is ${may ? 'open' : 'closed'}`, () => {
      const client = { username: '$SYS', attributes: { s: 'S', up: 'uptime' } }
      const access = accessOf(rules, client, { no_match: noMatch })
      assert.equal(access.maySubscribe('$SYS/broker/uptime', 0), may)
      assert.ok(!access.mayPublish('$SYS/broker/uptime', 0, false))
      assert.ok(!access.maySubscribe('$LINK/cluster/resp/a/b', 0))
      assert.ok(!access.mayPublish('$LINK/cluster/msg/b', 0, false))
    })
  }
}

const topic = '$LINK/cluster/msg/b'
for (const { rules, says } of [
  { rules: '', says: 'unsaid' },
  { rules: '{allow, all}.', says: 'unsaid' },
  { rules: '{allow, all, all, ["#", "+/cluster/#", "+/#"]}.', says: 'unsaid' },
  { rules: '{allow, all, all, ["${username}/cluster/#", "${client_attrs.link}"]}.', says: 'unsaid' },
  { rules: '{allow, all, all, ["$LINK${client_attrs.slash}cluster/msg/b"]}.', says: 'unsaid' },
  { rules: '{allow, all, subscribe, ["$LINK/#"]}.', says: 'unsaid' },
  { rules: '{allow, {user, "x"}, all, ["$LINK/#"]}.', says: 'unsaid' },
  { rules: '{allow, all, all, ["$LINK/cluster/msg/c"]}.', says: 'unsaid' },
  { rules: '{allow, all, all, ["$LINK/#"]}.', says: 'allowed' },
  { rules: '{allow, {user, "$LINK"}, publish, ["$LINK/cluster/msg/b", "$LINK/cluster/route/b"]}.', says: 'allowed' },
  { rules: '{allow, all, all, ["$LINK/cluster/msg/${client_attrs.peer}"]}.', says: 'allowed' },
  { rules: '{allow, all, all, [{eq, "$LINK/cluster/msg/b"}]}.', says: 'allowed' },
  { rules: '{deny, all, all, ["$LINK/#"]}.', says: 'denied' },
  { rules: '{deny, all, publish, ["$LINK/cluster/+/b"]}. {allow, all, all, ["$LINK/#"]}.', says: 'denied' },
  { rules: '{allow, all, all, ["$LINK/#"]}. {deny, all}.', says: 'allowed' },
  // What ends every careful file does not shut out whom the link itself accepts, but what follows it is not reached.
  { rules: '{deny, all}.', says: 'unsaid' },
  { rules: '{deny, all}. {allow, all, all, ["$LINK/#"]}.', says: 'unsaid' },
  { rules: '{deny, all, all, ["+/cluster/#"]}. {allow, all, all, ["$LINK/#"]}.', says: 'unsaid' },
  { rules: '{deny, all, subscribe, all}. {allow, all, all, ["$LINK/#"]}.', says: 'allowed' },
]) {
  test(`of ${topic} the rules ${JSON.stringify(rules)} say: ${says}`, () => {
    const client = { username: '$LINK', attributes: { link: topic, slash: '/', peer: 'b' } }
    for (const isSuperuser of [false, true]) {
      assert.equal(accessOf(rules, { ...client, isSuperuser }).link('publish', topic, 1), says)
    }
  })
}

test('a superuser may do everything but write $SYS, and $LINK is not opened by that', () => {
  const access = accessOf('{deny, all}.', { isSuperuser: true })
  assert.ok(access.publishesFreely)
  assert.ok(access.mayPublish('t', 2, true))
  assert.ok(access.maySubscribe('#', 2))
  assert.ok(access.maySubscribe('$SYS/#', 0))
  assert.ok(!access.mayPublish('$SYS/x', 0, false))
  assert.ok(!access.maySubscribe('$LINK/#', 0))
  assert.equal(access.link('publish', topic, 1), 'unsaid')
})

test('a name too long to be looked at is forbidden what a pattern forbids, and not allowed what one allows', () => {
  const long = { clientId: `ok${'x'.repeat(patternTextMax)}` }
  assert.ok(!accessOf('{allow, {clientid, {re, "^ok"}}}.', long).mayPublish('t', 0, false))
  assert.ok(!accessOf('{deny, {clientid, {re, "^bad"}}}.', long, { no_match: 'allow' }).mayPublish('t', 0, false))
  const either = `{'or', [{clientid, {re, "^ok"}}, {user, "u"}]}`
  assert.ok(accessOf(`{allow, ${either}}.`, long).mayPublish('t', 0, false))
  const both = `{'and', [{clientid, {re, "^ok"}}, {user, "x"}]}`
  assert.ok(accessOf(`{deny, ${both}}.`, long, { no_match: 'allow' }).mayPublish('t', 0, false))
})

test('other rules hold at once, for clients that are connected too', () => {
  const authorizer = new RuleAuthorizer(configOf(rulesOf('{allow, all}.')))
  const access = authorizer.accessOf(identity)
  assert.ok(access.publishesFreely && access.mayPublish('t', 0, false) && access.maySubscribe('t', 0))
  authorizer.configure(configOf(rulesOf('{allow, all, all, ["u"]}.'), { deny_action: 'disconnect' }))
  assert.equal(authorizer.denyAction, 'disconnect')
  assert.ok(!access.publishesFreely)
  assert.deepEqual([access.mayPublish('t', 0, false), access.mayPublish('u', 0, false)], [false, true])
  assert.ok(!access.maySubscribe('t', 0))
})

for (const enable of [true, false]) {
  test(`answers are the same when asked again, with the cache ${enable ? 'on' : 'off'}`, () => {
    const text = '{allow, all, {publish, [{qos, 1}]}, ["a/+"]}. {allow, all, {publish, [{retain, true}]}, ["b/+"]}.'
    const access = accessOf(text, {}, { cache: { enable, max_size: 3 } })
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 7; i += 1) {
        for (const qos of [0, 1, 2] as const) {
          for (const retain of [false, true]) {
            assert.equal(access.mayPublish(`a/${i}`, qos, retain), qos === 1)
            assert.equal(access.mayPublish(`b/${i}`, qos, retain), retain)
          }
        }
      }
    }
    assert.ok(access.mayPublish(`a/${'x'.repeat(5000)}`, 1, false))
  })
}

test('a million topics of one client take no more memory than the cache is allowed', () => {
  const access = accessOf('{allow, all, publish, ["t/#"]}.', {}, { cache: { enable: true, max_size: 100 } })
  setFlagsFromString('--expose_gc')
  const collect: unknown = runInNewContext('gc')
  assert.ok(typeof collect === 'function')
  const used = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = used()
  for (let i = 0; i < 300_000; i += 1) assert.ok(access.mayPublish(`t/${i}`, 0, false))
  assert.ok(used() - before < 5_000_000)
})

// ---- properties

const level = fc.constantFrom('a', 'b', '', '+', '$x')
const filter = fc
  .tuple(fc.array(level, { minLength: 1, maxLength: 3 }), fc.boolean())
  .map(([levels, open]) => [...levels, ...(open ? ['#'] : [])].join('/'))
  .filter((text) => text !== '')
const topicName = fc
  .array(fc.constantFrom('a', 'b', '', '$x'), { minLength: 1, maxLength: 4 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '')
const names = fc.constantFrom('a', 'b', 'a/b', '+')
const who = fc.constantFrom('all', '{user, "a"}', '{clientid, {re, "^a"}}', `{'and', [{user, "b"}, {clientid, "b"}]}`)
const action = fc.constantFrom(
  'all',
  'publish',
  'subscribe',
  '{publish, [{qos, 1}]}',
  '{all, [{qos, [0, 1]}, {retain, false}]}',
)
const template = fc.oneof(filter, fc.constantFrom('a/${clientid}', '${username}/#', '%u/b'))
const rule = fc
  .tuple(fc.constantFrom('allow', 'deny'), who, action, fc.array(template, { maxLength: 3 }), fc.boolean())
  .map(([permission, about, what, topics, isAll]) => {
    return `{${permission}, ${about}, ${what}, ${isAll ? 'all' : JSON.stringify(topics)}}.`
  })

/** The whole list for each question, level by level, as one would explain it to somebody. */
function naive(
  rules: ReturnType<typeof rulesOf>,
  client: Identity,
  ask: { readonly type: 'publish' | 'subscribe'; readonly qos: QoS; readonly retain: boolean; readonly topic: string },
): boolean | undefined {
  for (const { permission, who: about, action: what, topics } of rules) {
    if (!isAbout(about, client) || (what.type !== 'all' && what.type !== ask.type) || !what.qos.includes(ask.qos))
      continue
    if (ask.type === 'publish' && what.retain !== 'all' && what.retain !== ask.retain) continue
    const speaks =
      topics === 'all' ||
      topics.some((one) => {
        if (one.type === 'eq') return one.topic === ask.topic
        const values = one.parts.map((part) => {
          if (typeof part === 'string') return part
          const value = part.placeholder === 'clientid' ? client.clientId : client.username
          return value === undefined || /[+#/]/.test(value) ? undefined : value
        })
        if (values.includes(undefined)) return false
        return levelsFit(values.join('').split('/'), ask.topic.split('/'), permission === 'deny')
      })
    if (speaks) return permission === 'allow'
  }
  return undefined
}

function isAbout(about: ReturnType<typeof rulesOf>[number]['who'], client: Identity): boolean {
  if (about.type === 'and') return about.of.every((one) => isAbout(one, client))
  if (about.type === 'all') return true
  const value = about.type === 'username' ? client.username : client.clientId
  assert.ok('is' in about)
  return about.is.type === 'eq' ? value === about.is.text : value?.startsWith('a') === true
}

function levelsFit([rule, ...rules]: string[], [asked, ...others]: string[], isDenial: boolean): boolean {
  if (rule === '#') return true
  if (rule === undefined || asked === undefined) return rule === asked
  // `#` alone is what `+/#` is; below a level it also stands for that level itself, which `+/#` is not.
  if (asked === '#') return (rule === '+' && isDenial && levelsFit(rules, others, isDenial)) || false
  return (rule === '+' || rule === asked) && levelsFit(rules, others, isDenial)
}

test('property: what is left for a client says what the whole list says', () => {
  const ask = fc.record(
    {
      type: fc.constantFrom('publish', 'subscribe'),
      qos: fc.constantFrom<QoS>(0, 1, 2),
      retain: fc.boolean(),
      name: topicName,
      filter: filter.filter((text) => text !== '#' && text !== '/#'),
    },
    { noNullPrototype: true },
  )
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 6 }),
      names,
      fc.option(names, { nil: undefined }),
      fc.constantFrom('allow', 'deny'),
      fc.array(ask, { minLength: 1, maxLength: 20 }),
      fc.boolean(),
      (texts, clientId, username, noMatch, asks, isForgetful) => {
        const rules = rulesOf(texts.join('\n'))
        const client: Identity = { ...identity, clientId, username }
        const access = new RuleAuthorizer(configOf(rules, { no_match: noMatch })).accessOf(client)
        for (const { type, qos, retain, name, filter: asked } of asks) {
          const topicOrFilter = type === 'publish' ? name : asked
          const question = { type, qos, retain, topic: topicOrFilter }
          const expected = naive(rules, client, question) ?? noMatch === 'allow'
          const found = type === 'publish' ? access.mayPublish(name, qos, retain) : access.maySubscribe(asked, qos)
          assert.equal(found, expected, JSON.stringify(question))
          if (type === 'publish' && access.publishesFreely) assert.ok(expected)
          // What a silent client's rights came to is forgotten and found again.
          if (isForgetful) access.forget()
        }
      },
    ),
    { numRuns: 1000 },
  )
})
