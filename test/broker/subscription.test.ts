import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Counters } from '../../src/broker/counters.ts'
import { Limits } from '../../src/broker/limits/limits.ts'
import { Session } from '../../src/broker/sessions/session.ts'
import {
  planDelivery,
  reservedNamespace,
  ShareGroup,
  type Subscription,
  type SubscriptionOptions,
  targetAlone,
} from '../../src/broker/sessions/subscription.ts'
import { mqttDefaults } from './test-broker.ts'

function session(clientId: string, isConnected = true): Session {
  const made = new Session(
    { clientId, username: undefined, peerHost: undefined },
    0,
    new Limits(mqttDefaults),
    new Counters(),
  )
  if (isConnected)
    made.outlet = { publish: () => true, isCongested: false, pubrel: () => undefined, takenOver: () => undefined }
  return made
}

function subscription(of: Session, options: Partial<SubscriptionOptions> = {}, group?: ShareGroup): Subscription {
  const all: SubscriptionOptions = {
    qos: 0,
    noLocal: false,
    retainAsPublished: false,
    retainHandling: 0,
    identifier: 0,
    ...options,
  }
  return { ...all, kind: 'subscription', session: of, name: 't', topicFilter: 't', group, alone: targetAlone(of, all) }
}

const inOrder = (a: number, b: number) => a - b

test('members of a group take turns, whoever joins and leaves, and nobody is chosen who has left', () => {
  const operation = fc.oneof(fc.record({ do: fc.constantFrom('join', 'leave'), who: fc.nat(5) }), {
    arbitrary: fc.record({ do: fc.constant('choose' as const), who: fc.constant(0) }),
    weight: 4,
  })
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const group = new ShareGroup('g', 't')
      const sessions = Array.from({ length: 6 }, (_, i) => session(String(i)))
      const members = new Map<number, Subscription>()
      for (const { do: what, who } of operations) {
        if (what === 'join' && !members.has(who)) {
          const joined = subscription(sessions[who]!, {}, group)
          members.set(who, joined)
          group.add(joined)
        } else if (what === 'leave') {
          const left = members.get(who)
          if (left !== undefined) group.remove(left)
          members.delete(who)
        } else if (what === 'choose') {
          // One round: each member once.
          const round = Array.from({ length: members.size }, () => Number(group.choose()?.session.clientId))
          assert.deepEqual(round.sort(inOrder), [...members.keys()].sort(inOrder))
        }
        assert.equal(group.isEmpty, members.size === 0)
      }
      if (members.size === 0) assert.equal(group.choose(), undefined)
    }),
  )
})

test('a member that would have to queue is chosen only when all would', () => {
  const group = new ShareGroup('g', 't')
  const [away, here] = [session('away', false), session('here')]
  for (const member of [away, here]) group.add(subscription(member, {}, group))
  for (let i = 0; i < 5; i++) assert.equal(group.choose()?.session, here)
  for (let i = 0; i < 5; i++) assert.equal(group.choose(() => 0)?.session, here)
  here.outlet = undefined
  assert.deepEqual(new Set([group.choose()?.session, group.choose()?.session]), new Set([away, here]))
})

test('a plan has one target for each session, with the highest QoS and all identifiers', () => {
  const [a, b] = [session('a'), session('b')]
  const group = new ShareGroup('g', 't')
  const sink = { id: 'link', accept: () => undefined }
  const { targets, groups, sinks, levelCount, reserved } = planDelivery('t/u', [
    subscription(a, { qos: 1, identifier: 3, noLocal: true, retainAsPublished: true }),
    subscription(b, { qos: 2 }),
    subscription(a, { qos: 0, identifier: 9 }),
    group,
    { kind: 'sink', sink, alone: [sink] },
    { kind: 'sink', sink, alone: [sink] },
  ])
  assert.deepEqual(
    targets.map(({ session: { clientId }, qos, subscriptionIdentifiers, retainAsPublished }) => ({
      clientId,
      qos,
      subscriptionIdentifiers,
      retainAsPublished,
    })),
    [
      { clientId: 'a', qos: 1, subscriptionIdentifiers: [3, 9], retainAsPublished: true },
      { clientId: 'b', qos: 2, subscriptionIdentifiers: [], retainAsPublished: false },
    ],
  )
  assert.deepEqual([targets[0]?.ofOwn?.qos, targets[0]?.ofOwn?.subscriptionIdentifiers], [0, [9]])
  assert.deepEqual([groups, sinks, levelCount, reserved], [[group], [sink], 2, undefined])
})

test('a session that subscribes under ever new identifiers does not grow with them', () => {
  const one = session('a')
  for (let identifier = 1; identifier < 10_000; identifier++) subscription(one, { identifier })
  assert(one.targets.size < 1_000)
  assert.equal(subscription(one, { qos: 1 }).alone, subscription(one, { qos: 1 }).alone)
})

test('with No Local on all of its subscriptions a session gets nothing of its own', () => {
  const own = session('a')
  const { targets } = planDelivery('t', [subscription(own, { noLocal: true }), subscription(own, { noLocal: true })])
  assert.equal(targets.length, 1)
  assert.equal(targets[0]?.ofOwn, undefined)
})

for (const { topic, reserved } of [
  { topic: '$LINK', reserved: 'link' },
  { topic: '$LINK/', reserved: 'link' },
  { topic: '$LINK/#', reserved: 'link' },
  { topic: '$SYS/broker', reserved: 'sys' },
  { topic: '$LINKS/x', reserved: undefined },
  { topic: '$link/x', reserved: undefined },
  { topic: 'x/$LINK', reserved: undefined },
  { topic: '+/cluster', reserved: undefined },
]) {
  test(`${topic} is ${reserved === undefined ? 'nobody’s' : `of ${reserved}`}`, () =>
    assert.equal(reservedNamespace(topic), reserved))
}
