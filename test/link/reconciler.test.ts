import assert from 'node:assert/strict'
import test from 'node:test'
import type { LinkConfig } from '../../src/config/config.ts'
import { effectOfEdit, reconcile, type LinkStep, type StandingLink } from '../../src/link/reconciler.ts'
import { linkConfig } from './link-fixture.ts'

const base = linkConfig(1883)
const both = { routes: 'restart', pool: 'rebuild' } as const
const poolOnly = { routes: 'keep', pool: 'rebuild' } as const
const neither = { routes: 'keep', pool: 'keep' } as const

const edits: { field: keyof LinkConfig; to: Partial<LinkConfig>; effect: object }[] = [
  { field: 'username', to: { username: 'u' }, effect: both },
  { field: 'password', to: { password: 'p' }, effect: both },
  { field: 'clientid', to: { clientid: 'other' }, effect: both },
  { field: 'server', to: { server: 'elsewhere' }, effect: both },
  { field: 'ssl', to: { ssl: { enable: true, verify: 'verify_peer' } }, effect: both },
  { field: 'topics', to: { topics: ['x'] }, effect: both },
  { field: 'tcp_opts', to: { tcp_opts: { nodelay: false, keepalive: false } }, effect: both },
  { field: 'resource_opts', to: { resource_opts: { ...base.resource_opts, inflight_window: 7 } }, effect: poolOnly },
  { field: 'pool_size', to: { pool_size: 9 }, effect: poolOnly },
  { field: 'retry_interval', to: { retry_interval: 1 }, effect: poolOnly },
  { field: 'max_inflight', to: { max_inflight: 1 }, effect: poolOnly },
  { field: 'actor_ttl', to: { actor_ttl: 1 }, effect: neither },
  { field: 'stale_ttl', to: { stale_ttl: 1 }, effect: neither },
  { field: 'dialect', to: { dialect: 'emqx' }, effect: both },
  { field: 'durable', to: { durable: true }, effect: poolOnly },
  { field: 'overflow', to: { overflow: 'drop_newest' }, effect: neither },
  { field: 'retained', to: { retained: 'sync' }, effect: neither },
  { field: 'compression', to: { compression: 'auto' }, effect: neither },
]

for (const { field, to, effect } of edits) {
  test(`an edit of ${field}: ${JSON.stringify(effect)}`, () =>
    assert.deepEqual(effectOfEdit(base, { ...base, ...to }), effect))
}

test('every field of a link has its effect', () => {
  const covered = new Set<string>(edits.map(({ field }) => field))
  const others = Object.keys({ ...base, username: '', password: '' }).filter((field) => !covered.has(field))
  assert.deepEqual(others, ['name', 'enable'])
})

test('several edits at once do what each of them does', () => {
  assert.deepEqual(effectOfEdit(base, { ...base, actor_ttl: 1, pool_size: 2 }), poolOnly)
  assert.deepEqual(effectOfEdit(base, { ...base, topics: ['x'], pool_size: 2 }), both)
})

test('an equal configuration, read anew, changes nothing', () => {
  assert.equal(effectOfEdit(base, structuredClone(base)), undefined)
})

const on = (config = base): StandingLink => ({ config, started: true })
const off = (config = base): StandingLink => ({ config, started: false })
const disabled = { ...base, enable: false }
const other = { ...base, name: 'cl.c' }

for (const { when, standing, desired, steps } of [
  { when: 'a new link', standing: [], desired: [base], steps: ['create cl.b'] },
  { when: 'a new disabled link', standing: [], desired: [disabled], steps: ['create cl.b'] },
  { when: 'nothing new', standing: [on()], desired: [base], steps: [] },
  { when: 'an edit', standing: [on()], desired: [{ ...base, pool_size: 3 }], steps: ['edit cl.b'] },
  { when: 'a link that is enabled', standing: [off(disabled)], desired: [base], steps: ['start cl.b'] },
  { when: 'a link that should run and does not', standing: [off()], desired: [base], steps: ['start cl.b'] },
  { when: 'a link that is disabled', standing: [on()], desired: [disabled], steps: ['stop cl.b'] },
  { when: 'a link that stays disabled', standing: [off(disabled)], desired: [disabled], steps: [] },
  {
    when: 'an edit of a disabled link',
    standing: [off(disabled)],
    desired: [{ ...disabled, pool_size: 3 }],
    steps: ['stop cl.b'],
  },
  { when: 'a link that is gone', standing: [on()], desired: [], steps: ['remove cl.b'] },
  { when: 'one link in place of another', standing: [on()], desired: [other], steps: ['remove cl.b', 'create cl.c'] },
]) {
  test(`to reconcile ${when}: ${steps.length === 0 ? 'nothing' : steps.join(', ')}`, () => {
    const found = reconcile(new Map(standing.map((link) => [link.config.name, link])), desired)
    assert.deepEqual(
      found.map((step) => `${step.type} ${nameOf(step)}`),
      steps,
    )
  })
}

function nameOf(step: LinkStep): string {
  return step.type === 'remove' ? step.name : step.config.name
}
