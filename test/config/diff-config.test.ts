import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import type { Config } from '../../src/config/config.ts'
import { describeChange, diffConfig } from '../../src/config/diff-config.ts'
import { resolveConfig } from '../../src/config/resolve-config.ts'

function config(input: ConfigInput): Config {
  const result = resolveConfig(input)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.config
}

const link = { name: 'b', server: 'h:1', topics: ['t/#'], username: 'u', password: 's3cret' }
const base = { cluster: { name: 'a', links: [link] } }
const withLink = (more: object): ConfigInput => ({ cluster: { name: 'a', links: [{ ...link, ...more }] } })
const inNats = (nats: NonNullable<NonNullable<ConfigInput['cluster']>['nats']>): ConfigInput => {
  return { node: { name: 'n@h' }, cluster: { name: 'a', nats } }
}

for (const { when, before = base, after, changes } of [
  { when: 'nothing changed', after: base, changes: [] },
  {
    when: 'a default was written out',
    after: withLink({ pool_size: 8, clientid: 'a', retry_interval: '15s' }),
    changes: [],
  },
  {
    when: 'links changed places',
    before: { cluster: { name: 'a', links: [link, { ...link, name: 'c' }] } },
    after: { cluster: { name: 'a', links: [{ ...link, name: 'c' }, link] } },
    changes: [],
  },
  { when: 'a link came', before: { cluster: { name: 'a' } }, after: base, changes: ['link_added cluster.links.b'] },
  { when: 'a link went', after: { cluster: { name: 'a' } }, changes: ['link_removed cluster.links.b'] },
  {
    when: 'a link was renamed',
    after: withLink({ name: 'c' }),
    changes: ['link_removed cluster.links.b', 'link_added cluster.links.c'],
  },
  {
    when: 'topics of a link changed',
    after: withLink({ topics: ['t/#', 'u'] }),
    changes: ['link_changed cluster.links.b topics'],
  },
  {
    when: 'nested fields of a link changed',
    after: withLink({ ssl: { enable: true }, resource_opts: { request_ttl: '1s' } }),
    changes: ['link_changed cluster.links.b ssl.enable,resource_opts.request_ttl'],
  },
  {
    when: 'a field of a link came',
    after: withLink({ clientid: 'c' }),
    changes: ['link_changed cluster.links.b clientid'],
  },
  {
    when: 'the password changed',
    after: withLink({ password: 'other s3cret' }),
    changes: ['link_changed cluster.links.b password'],
  },
  {
    when: 'a link was switched off',
    after: withLink({ enable: false }),
    changes: ['link_changed cluster.links.b enable'],
  },
  {
    when: 'the cluster moved to NATS',
    before: { node: { name: 'n@h' }, cluster: { name: 'a' } },
    after: { node: { name: 'n@h' }, cluster: { name: 'a', nats: { servers: ['h'] }, lease_ttl: '4s' } },
    changes: ['needs_restart cluster.lease_ttl', 'needs_restart cluster.nats'],
  },
  {
    when: 'the NATS servers changed, and what they are told',
    before: inNats({ servers: ['h'], user: 'u', password: 's3cret' }),
    after: inNats({ servers: ['h', 'i'], user: 'u', password: 'other s3cret' }),
    changes: ['needs_restart cluster.nats.servers', 'needs_restart cluster.nats.password'],
  },
  {
    when: 'a listener came and one went',
    before: { listeners: { tcp: { x: { bind: 1 } } } },
    after: { listeners: { tcp: { y: { bind: 1 } } } },
    changes: ['listener_removed listeners.tcp.x', 'listener_added listeners.tcp.y'],
  },
  {
    when: 'a listener of another type has the name of one that went',
    before: { listeners: { tcp: { x: { bind: 1 } } } },
    after: { listeners: { ws: { x: { bind: 1 } } } },
    changes: ['listener_removed listeners.tcp.x', 'listener_added listeners.ws.x'],
  },
  {
    when: 'options of a listener changed',
    before: { listeners: { ws: { x: { bind: 1 } } } },
    after: { listeners: { ws: { x: { bind: 1, max_connections: 7, websocket: { compress: true } } } } },
    changes: ['listener_changed listeners.ws.x max_connections,websocket.compress'],
  },
  {
    when: 'a listener moved',
    before: { listeners: { tcp: { x: { bind: 1 } } } },
    after: { listeners: { tcp: { x: { bind: '[::]:2' } } } },
    changes: ['listener_changed listeners.tcp.x host,port'],
  },
  {
    when: 'the broker got other limits',
    before: {},
    after: { mqtt: { max_inflight: 3, idle_timeout: '1s' } },
    changes: ['mqtt_changed mqtt max_inflight,idle_timeout'],
  },
  {
    when: 'retained messages got other limits',
    before: {},
    after: { retainer: { backend: { max_retained_messages: 5 } } },
    changes: ['retainer_changed retainer backend.max_retained_messages'],
  },
  {
    when: 'the node is to say nothing of itself any more',
    before: {},
    after: { sys_topics: { enable: false } },
    changes: ['sys_topics_changed sys_topics enable'],
  },
  {
    when: 'fewer alarms are remembered',
    before: {},
    after: { alarm: { size_limit: 5, validity_period: '1h' } },
    changes: ['alarm_changed alarm size_limit,validity_period'],
  },
  {
    when: 'not everybody may read the metrics any more',
    before: {},
    after: { prometheus: { enable_basic_auth: true } },
    changes: ['prometheus_changed prometheus enable_basic_auth'],
  },
  {
    when: 'the node may have more memory',
    before: {},
    after: { node: { max_memory: '80%' } },
    changes: ['needs_restart node.max_memory'],
  },
  {
    when: 'a module with hooks comes',
    before: {},
    after: { hooks: ['package.json'] },
    changes: ['needs_restart hooks'],
  },
  {
    when: 'messages are to be traced',
    before: {},
    after: { opentelemetry: { traces: { enable: true } } },
    changes: ['needs_restart opentelemetry.traces.enable'],
  },
  {
    when: 'the log speaks louder',
    before: {},
    after: { log: { level: 'debug' } },
    changes: ['log_level_changed log.level'],
  },
  {
    when: 'one part of the node is to log more',
    before: {},
    after: { log: { levels: { link: 'debug' } } },
    changes: ['log_levels_changed log.levels link'],
  },
  {
    when: 'the node has another name and place',
    before: {},
    after: { node: { name: 'x@y', data_dir: 'z' } },
    changes: ['needs_restart node.name', 'needs_restart node.data_dir'],
  },
  {
    when: 'the cluster has another name, and ClientIDs follow it',
    after: { cluster: { name: 'z', links: [link] } },
    changes: ['needs_restart cluster.name'],
  },
  {
    when: 'the cluster has another name, and a ClientID becomes its own',
    after: { cluster: { name: 'z', links: [{ ...link, clientid: 'q' }] } },
    changes: ['needs_restart cluster.name', 'link_changed cluster.links.b clientid'],
  },
  { when: 'the debug socket came', before: {}, after: { debug: { socket: 's' } }, changes: ['needs_restart debug'] },
  {
    when: 'the debug socket moved',
    before: { debug: { socket: 's' } },
    after: { debug: { socket: 't' } },
    changes: ['needs_restart debug.socket'],
  },
] satisfies { when: string; before?: ConfigInput; after: ConfigInput; changes: string[] }[]) {
  test(`difference: ${when}`, () => {
    const described = diffConfig(config(before), config(after)).map(describeChange)
    assert.deepEqual(
      described.map(({ change, key, fields = [] }) =>
        [change, key, fields.join(',')].filter((part) => part !== '').join(' '),
      ),
      changes,
    )
    assert.ok(!JSON.stringify(described).includes('s3cret'))
  })
}

test('the changes, applied to the old links and listeners, give the new ones', () => {
  const links = fc.uniqueArray(
    fc.record({ name: fc.constantFrom('b', 'c', 'd', 'e'), pool_size: fc.integer({ min: 1, max: 3 }) }),
    { selector: ({ name }) => name },
  )
  const listeners = fc.dictionary(
    fc.constantFrom('x', 'y', 'z'),
    fc.record({ bind: fc.constant(0), enable: fc.boolean() }),
  )
  const any = fc
    .tuple(links, listeners)
    .map(([links, tcp]) =>
      config({ cluster: { name: 'a', links: links.map((one) => ({ ...link, ...one })) }, listeners: { tcp } }),
    )
  fc.assert(
    fc.property(any, any, (before, after) => {
      const linksNow = new Map(before.cluster.links.map((one) => [one.name, one]))
      const listenersNow = new Map(Object.entries(before.listeners.tcp))
      for (const change of diffConfig(before, after)) {
        if (change.type === 'link_removed') assert.ok(linksNow.delete(change.name))
        if (change.type === 'link_added') assert.ok(!linksNow.has(change.name))
        if (change.type === 'link_changed') assert.equal(linksNow.get(change.name), change.before)
        if (change.type === 'link_added' || change.type === 'link_changed') linksNow.set(change.name, change.after)
        if (change.type === 'listener_removed') assert.ok(listenersNow.delete(change.name))
        if (change.type === 'listener_added' || change.type === 'listener_changed')
          listenersNow.set(change.name, change.after)
      }
      assert.deepEqual(linksNow, new Map(after.cluster.links.map((one) => [one.name, one])))
      assert.deepEqual(listenersNow, new Map(Object.entries(after.listeners.tcp)))
    }),
  )
})
