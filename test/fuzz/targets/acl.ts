/** `acl.conf`: any text is rules or words about it, and rules can be asked about any client and topic. */
import assert from 'node:assert/strict'
import { RuleAuthorizer } from '../../../src/broker/access/acl/rule-authorizer.ts'
import type { Identity } from '../../../src/broker/access/client-info.ts'
import { parseAcl } from '../../../src/config/authorization/parse-acl.ts'
import type { Random } from '../random.ts'
import { byteMutation, type FuzzTarget, tokens } from '../target.ts'

const BYTES_MAX = 16_384
const limits = { bufferBytesMax: 1_048_576, buffersBytesMax: 4 * 1_048_576, heapBytesMax: 64 * 2 ** 20 }

const dictionary = [
  ...tokens(
    '{ } [ ] , . " \' % {allow, {deny, all}. publish subscribe all {re, "^ $" {eq, "#" {qos, {retain, true false 16#ff 1.5e3',
  ),
  ...tokens(
    '{clientid, {username, {user, {ipaddr, {ipaddrs, {\'and\', [ {\'or\', {client, ${clientid} ${username} %c %u $LINK/# $SYS/# <<"x">> #{ => ~"x"',
  ),
  ...tokens(
    '(a+)+$ (a|a)* [a- \\pL (?=a) \\1 a{1000} (?i) .* 127.0.0.1 ::1/128 10.0.0.0/8 fe80:: 256.0.0.1/33 \\x{110000} \\777',
  ),
  ...['\n', '\\', '\0', '\ud800', 'é', '%%\n'].map((text) => Buffer.from(text)),
]

const sample = `%% as EMQX comes with it
{allow, {username, {re, "^dashboard$"}}, subscribe, ["$SYS/#"]}.
{allow, {ipaddr, "127.0.0.1"}, all, ["$SYS/#", "#"]}.
{deny, all, subscribe, ["$SYS/#", {eq, "#"}, {eq, "+/#"}]}.
{allow, {'and', [{clientid, {re, "^link-"}}, {ipaddrs, ["10.0.0.0/8", "::1"]}]}, {publish, [{qos, 1}, {retain, false}]}, ["$LINK/#"]}.
{allow, {'or', [{user, "u"}, {client, "c"}]}, publish, ["a/\${clientid}/#", "b/%u"]}.
{allow, all}.
`

const identities: readonly Identity[] = [
  { clientId: 'link-1', username: undefined, peerHost: '127.0.0.1', attributes: {} },
  { clientId: 'a'.repeat(1000), username: 'a'.repeat(1000), peerHost: '10.1.2.3', attributes: { group: 'g' } },
  { clientId: '#/+', username: '${clientid}', peerHost: 'fe80::1', attributes: {} },
].map((some) => ({
  ...some,
  peerPort: 1,
  protocolVersion: 5 as const,
  listener: 'tcp:default',
  certificate: undefined,
  isSuperuser: false,
}))
const config = {
  no_match: 'deny',
  deny_action: 'ignore',
  cache: { enable: true, max_size: 4 },
  topic_template_allow: { plus: false, hash: false, slash: false },
} as const
const topics = ['a', 'a/b/c', '$SYS/brokers', 'a/#/+/b', '/'.repeat(127), 'x'.repeat(5000)]

export const aclTarget: FuzzTarget = {
  name: 'acl',
  seeds: () => [Buffer.from(sample)],
  generate: (random) => Buffer.from(textOf(random)),
  mutate: byteMutation({ dictionary, bytesMax: BYTES_MAX }),
  run(input, meter) {
    const text = input.toString('utf8')
    const result = meter.turn(limits, () => parseAcl(text))
    if (result.type === 'invalid') {
      assert.ok(result.problems.length > 0, 'refused without a word')
      for (const { line, column, message } of result.problems) {
        assert.ok(line >= 1 && column >= 1 && line <= text.split('\n').length, `line ${line}, column ${column}`)
        assert.ok(message !== '' && message.length < 2000)
      }
      return
    }
    const { rules } = result
    const sources = [{ type: 'file' as const, enable: true, path: '', rules }]
    const authorizer = meter.turn(limits, () => new RuleAuthorizer({ ...config, sources }))
    for (const identity of identities) meter.turn(limits, () => askAll(authorizer, identity))
  },
}

function askAll(authorizer: RuleAuthorizer, identity: Identity): void {
  const access = authorizer.accessOf(identity)
  for (const topic of topics) {
    const first = access.mayPublish(topic, 1, false)
    assert.equal(access.mayPublish(topic, 1, false), first, 'asked again, the answer is another one')
    access.maySubscribe(topic, 2)
    access.link('publish', `$LINK/${topic}`, 1)
  }
}

function textOf(random: Random): string {
  const kind = random.fraction()
  if (kind < 0.06) {
    const [open, close] = random.pick([
      ['[', ']'],
      ['{', '}'],
      ["{'and', [", ']}'],
      ["{'or',[all,", ']}'],
      ['"', '"'],
      ['{allow,', '}'],
    ] as const)
    const levels = random.size(3000)
    return `{allow, ${open.repeat(levels)}all${close.repeat(random.chance(0.7) ? levels : 0)}}.`
  }
  if (kind < 0.12) {
    const unit = random.pick([
      '{allow, all}.\n',
      '{deny, {clientid, {re, "(a|b)*c"}}, all, ["#"]}.\n',
      '%\n',
      '{',
      '{allow, x}.\n',
      '"a",',
      'a',
      '\\',
    ])
    return unit.repeat(random.size(Math.floor(BYTES_MAX / unit.length)))
  }
  return random.list(1 + random.below(8), () => ruleOf(random)).join(random.pick(['\n', ' ', '']))
}

function ruleOf(random: Random): string {
  const parts = [
    random.pick(['allow', 'allow', 'deny', 'maybe']),
    whoOf(random, 0),
    actionOf(random),
    `[${random.list(random.below(4), () => topicOf(random)).join(', ')}]`,
  ]
  return `{${parts.slice(0, random.chance(0.8) ? 4 : 1 + random.below(4)).join(', ')}}${random.chance(0.97) ? '.' : ''}`
}

function whoOf(random: Random, depth: number): string {
  if (depth < 4 && random.chance(0.25))
    return `{'${random.pick(['and', 'or'])}', [${random.list(random.below(4), () => whoOf(random, depth + 1)).join(', ')}]}`
  return random.pick([
    'all',
    `{clientid, ${textTestOf(random)}}`,
    `{username, ${textTestOf(random)}}`,
    `{ipaddr, "${random.pick(['127.0.0.1', '10.0.0.0/8', '::/0', 'fe80::/10', 'x', '1.2.3.4/99'])}"}`,
    '{ipaddrs, ["::1", "127.0.0.1"]}',
    '{client_attr, "group", "g"}',
  ])
}

function textTestOf(random: Random): string {
  if (random.chance(0.4)) return `"${random.pick(['link-1', '', 'u', '${clientid}'])}"`
  const parts = [
    'a',
    '(a+)+',
    '(a|aa)*',
    '.*',
    '[a-z]',
    '^',
    '$',
    'a{0,100}',
    '(a{1,50}){1,50}',
    '\\\\d',
    '(?i)',
    '|',
    '(',
    '[',
    'x?'.repeat(30),
  ]
  return `{re, "${random.list(random.below(6), () => random.pick(parts)).join('')}"}`
}

function actionOf(random: Random): string {
  return random.pick([
    'all',
    'publish',
    'subscribe',
    'pubsub',
    '{publish, [{qos, 1}]}',
    '{all, [{retain, true}, {qos, [0, 2]}]}',
    '{subscribe, []}',
    '{publish, {qos, 3}}',
  ])
}

function topicOf(random: Random): string {
  return random.pick([
    '"#"',
    '"a/+"',
    '{eq, "#"}',
    '"a/${clientid}/#"',
    '"%c/%u"',
    '"$LINK/#"',
    '"a/#/b"',
    '""',
    '"${client_attrs.group}/#"',
    `"${'+/'.repeat(100)}#"`,
  ])
}
