import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { allows, denies } from '../../../src/broker/access/acl/rule-filter.ts'
import { covers } from '../../../src/topics/covers.ts'
import { matches } from '../../../src/topics/match.ts'

const levels = (...names: string[]) => fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 })
const isNoEmptyText = (text: string): boolean => text !== ''
const filter = fc
  .tuple(levels('a', 'b', '', '+'), fc.constantFrom('', '/#'))
  .map(([names, end]) => names.join('/') + end)
  .filter(isNoEmptyText)
  .chain((text) => fc.constantFrom(text, text, text, '#'))
const topic = levels('a', 'b', '')
  .map((names) => names.join('/'))
  .filter(isNoEmptyText)

test('property: a rule allows the subscriptions that its filter covers, and the topics that it matches', () => {
  fc.assert(
    fc.property(filter, filter, topic, (rule, asked, name) => {
      assert.equal(allows(rule, asked), covers(rule, asked))
      assert.equal(allows(rule, name), matches(name, rule))
      assert.equal(denies(rule, name), matches(name, rule))
    }),
    { numRuns: 2000 },
  )
})

test('property: what is allowed within a rule would be denied by the same rule', () => {
  fc.assert(fc.property(filter, filter, (rule, asked) => !allows(rule, asked) || denies(rule, asked)))
})

test('property: an allowed subscription shows nothing that the rule does not', () => {
  fc.assert(
    fc.property(filter, filter, topic, (rule, asked, name) => {
      if (allows(rule, asked) && matches(name, asked)) assert.ok(matches(name, rule))
    }),
    { numRuns: 2000 },
  )
})

/** EMQX's own way, level by level: what is asked is taken for a topic, wildcards and all. */
function asEmqx([rule, ...rules]: string[], [asked, ...others]: string[]): boolean {
  if (rule === '#' && rules.length === 0) return true
  if (rule === undefined || asked === undefined) return rule === asked
  return (rule === '+' || rule === asked) && asEmqx(rules, others)
}

test('property: whatever EMQX denies by a rule, we deny', () => {
  fc.assert(
    fc.property(filter, filter, (rule, asked) => {
      if (asEmqx(rule.split('/'), asked.split('/'))) assert.ok(denies(rule, asked), `${rule} ${asked}`)
    }),
    { numRuns: 2000 },
  )
})

test('property: whatever we allow by a rule, EMQX allows', () => {
  fc.assert(
    fc.property(filter, filter, (rule, asked) => {
      if (allows(rule, asked)) assert.ok(asEmqx(rule.split('/'), asked.split('/')), `${rule} ${asked}`)
    }),
    { numRuns: 2000 },
  )
})
