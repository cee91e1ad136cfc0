/** A peer that asks who we are and has rules: what it denies is told with the topic, and with the rule that would allow it. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Acceptor } from '../../link/acceptor.ts'
import { temporaryDirectory } from '../clusters.ts'
import {
  assertBroken,
  examine,
  examineUnsaved,
  linked,
  putLink,
  type Side,
  startSide,
  stepOf,
  textOf,
} from './examined.ts'

/** A peer that knows one user. @param rules the text of its `acl.conf` */
async function startGuarded(t: TestContext, rules: string): Promise<Side> {
  const directory = temporaryDirectory()
  const [users, acl] = [join(directory, 'users.csv'), join(directory, 'acl.conf')]
  writeFileSync(users, 'user_id,password,is_superuser\nlink-a,good,false\n')
  writeFileSync(acl, rules)
  return startSide(t, 'cl-b', {
    authentication: [
      { mechanism: 'password_based', backend: 'built_in_database', bootstrap_file: users, bootstrap_type: 'plain' },
    ],
    authorization: { no_match: 'deny', sources: [{ type: 'file', path: acl }] },
  })
}

const linkTo = (peer: Side, more: object = {}) => ({
  name: peer.name,
  server: `127.0.0.1:${peer.port}`,
  topics: ['t/#'],
  username: 'link-a',
  password: 'good',
  ...more,
})

test('who we are is not taken', async (t) => {
  const [a, b] = await Promise.all([
    startSide(t, 'cl-a'),
    startGuarded(t, '{allow, {username, "link-a"}, all, ["$LINK/#"]}.'),
  ])
  assertBroken(
    await examineUnsaved(a, linkTo(b, { password: 'wrong' })),
    'connect',
    /0x86 Bad User Name or Password/,
    /password of the link on this side to that of the user link-a/,
  )
  const { username: _, password: _none, ...nobody } = linkTo(b)
  assertBroken(await examineUnsaved(a, nobody), 'connect', /0x8[67]/, /set username and password of the link/)
  // What is kept stands behind the mask.
  await putLink(b, 'cl-a', {
    server: `127.0.0.1:${a.port}`,
    topics: [],
    accept: { username: 'link-a', clientid_prefix: 'cl-a:' },
  })
  await putLink(a, 'cl-b', linkTo(b))
  await linked(a, b)
  const masked = await examineUnsaved(a, linkTo(b, { password: '******' }))
  assert.equal(masked.ok, true, textOf(masked))
  assert.match(stepOf(masked, 'identity').detail, /as user link-a, with ClientIDs that begin with cl-a:/)
  const running = await examine(a, 'cl-b')
  assert.equal(running.ok, true, textOf(running))
  // A ClientID that accept does not want.
  await putLink(a, 'cl-b', linkTo(b, { clientid: 'other' }))
  assertBroken(
    await examine(a, 'cl-b'),
    'may_subscribe',
    /does not let us subscribe \$LINK\/cluster\/resp\/cl-a\/.*0x87/,
    /clientid_prefix other:/,
  )
  const turnedAway = stepOf(await examine(b, 'cl-a'), 'handshake_back')
  assert.match(turnedAway.status, /warning|failed/)
  assert.match(turnedAway.detail, /we turned the peer away: .*accept wants/)
  assert.match(turnedAway.remedy ?? '', /accept of the link cl-a on this side/)
})

for (const { when, rules, step, remedy } of [
  {
    when: 'subscribe to its answers',
    rules: '{deny, {username, "link-a"}, subscribe, ["$LINK/cluster/resp/#"]}.',
    step: 'may_subscribe',
    remedy: /\{allow, \{username, "link-a"\}, subscribe, \["\$LINK\/cluster\/resp\/cl-a\/cl-a@127\.0\.0\.1"\]\}/,
  },
  {
    when: 'tell routes',
    rules: '{deny, {username, "link-a"}, publish, ["$LINK/cluster/route/+"]}.',
    step: 'may_route',
    remedy: /publish, \["\$LINK\/cluster\/route\/cl-a"\]/,
  },
  {
    when: 'send messages',
    rules: '{deny, {username, "link-a"}, publish, ["$LINK/cluster/msg/+"]}.',
    step: 'may_send',
    remedy: /publish, \["\$LINK\/cluster\/msg\/cl-a"\]/,
  },
])
  test(`a rule of the peer that does not let us ${when}`, async (t) => {
    const all = '{allow, {username, "link-a"}, all, ["$LINK/#"]}.'
    const [a, b] = await Promise.all([startSide(t, 'cl-a'), startGuarded(t, `${rules}\n${all}`)])
    await putLink(b, 'cl-a', { server: `127.0.0.1:${a.port}`, topics: [] })
    assertBroken(await examineUnsaved(a, linkTo(b)), step, /does not let us .*0x87 Not authorized/, remedy)
    await putLink(a, 'cl-b', linkTo(b))
    assertBroken(await examine(a, 'cl-b'), step, /does not let us .*0x87 Not authorized/, remedy)
  })

for (const { code, detail, remedy } of [
  { code: 0x84, detail: /0x84/, remedy: /MQTT 5/ },
  { code: 0x85, detail: /0x85 Client Identifier not valid/, remedy: /ClientIDs that begin with cl-a:/ },
  { code: 0x87, detail: /0x87 Not authorized/, remedy: /let the peer take the user link-a/ },
  { code: 0x8a, detail: /0x8a Banned/, remedy: /lift the ban/ },
  { code: 0x97, detail: /0x97 Quota exceeded/, remedy: /max_connections/ },
  { code: 0x89, detail: /0x89 Server busy/, remedy: /not ready or is overloaded/ },
])
  test(`a peer that answers our CONNECT with 0x${code.toString(16)}`, async (t) => {
    const acceptor = new Acceptor(({ packet, peer }) => {
      if (packet.cmd === 'connect') peer.send({ cmd: 'connack', reasonCode: code, sessionPresent: false })
    })
    const port = await acceptor.listen()
    t.after(() => acceptor.close())
    const a = await startSide(t, 'cl-a')
    const link = { name: 'cl-b', server: `127.0.0.1:${port}`, topics: [], username: 'link-a', password: 'x' }
    assertBroken(await examineUnsaved(a, link), 'connect', detail, remedy)
  })
