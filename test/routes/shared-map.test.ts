/** The two ends of a shared map over a network that loses, doubles and reorders, with owners that start anew or are replaced. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { emptyDigest, sameDigest } from '../../src/routes/digest.ts'
import { MapContent } from '../../src/routes/map-content.ts'
import { MapCopy } from '../../src/routes/map-copy.ts'
import type { Claim, MapQuestion, MapStatement } from '../../src/routes/map-protocol.ts'
import { MapSource } from '../../src/routes/map-source.ts'

const answerMs = 900
/** Small, so that everything comes in parts and the journal soon ends. */
const message = { opsMax: 3, bytesMax: 200 }
const journal = { opsMax: 6, bytesMax: 10_000 }

/** Keys that share few buckets, so that buckets come in parts too. */
const keys = crowdedKeys(3, 5)
/** Those that are there in every life. */
const lasting = keys.filter((_, index) => index % 4 === 0)
/** Those that never go once they came. */
const growing = keys.filter((_, index) => index % 4 === 1)
const passing = keys.filter((key) => !lasting.includes(key) && !growing.includes(key))

function crowdedKeys(bucketCount: number, perBucket: number): string[] {
  const content = new MapContent()
  const found = new Map<number, string[]>()
  for (let i = 0; ; i += 1) {
    const key = `ftopic/${i}/+`
    const bucket = content.bucketOf(key)
    const crowd = [...(found.get(bucket) ?? []), key]
    found.set(bucket, crowd)
    const full = [...found.values()].filter(({ length }) => length >= perBucket)
    if (crowd.length === perBucket && full.length === bucketCount) return full.flat()
  }
}

type Sent =
  | { readonly statement: MapStatement; readonly question?: never }
  | { readonly question: MapQuestion; readonly of: Claim; readonly statement?: never }

/** The owner of a map, one who holds a copy, and what is on its way between them. */
class Bench {
  nowMs = 0
  life = 1
  source = this.sourceOf('a')
  readonly copy = new MapCopy({ entriesMax: 1_000, answerMs })
  /** As told by changes alone. */
  readonly told = new Map<string, number>()
  /** Of those that never go, what the copy had. */
  readonly grown = new Set(lasting)
  sent: Sent[] = []
  entries = 0
  messages = 0

  constructor() {
    for (const key of lasting) this.source.set(key, 0)
  }

  private sourceOf(owner: string, content?: MapContent): MapSource {
    return new MapSource({ claim: { life: this.life, owner, boot: String(this.life) }, message, journal, content })
  }

  /** A new life, of this owner or another one; of what is passing it has only what is kept. */
  replace(owner: string, kept: readonly string[]): void {
    const before = this.source
    this.life += 1
    this.source = this.sourceOf(owner)
    for (const key of [...lasting, ...growing, ...kept]) {
      const value = before.content.get(key)
      if (value !== undefined) this.source.set(key, value)
    }
  }

  flush(): void {
    const statement = this.source.takeUnsent()
    if (statement !== undefined) this.send({ statement })
  }

  heartbeat(): void {
    if (!this.source.hasUnsent) this.send({ statement: this.source.heartbeat() })
  }

  ask(): void {
    const asked = this.copy.ask(this.nowMs)
    if (asked !== undefined) this.send(asked)
  }

  send(sent: Sent): void {
    this.messages += 1
    if (sent.statement !== undefined && 'keys' in sent.statement) this.entries += sent.statement.keys.length
    this.sent.push(sent)
  }

  arrive(sent: Sent): void {
    if (sent.question !== undefined) {
      const { claim } = this.source
      const statement = sent.of.owner === claim.owner ? this.source.answer(sent.question) : undefined
      if (statement !== undefined) this.send({ statement })
      return
    }
    const taken = this.copy.take(sent.statement)
    if (taken !== 'outdated') this.tell(taken)
    this.ask()
  }

  tell(changes: readonly { readonly key: string; readonly value: number | undefined }[]): void {
    for (const { key, value } of changes) {
      if (value === undefined) this.told.delete(key)
      else this.told.set(key, value)
      if (value !== undefined && growing.includes(key)) this.grown.add(key)
    }
  }

  /** Nothing is lost any more: one heartbeat, and what follows from it. */
  settle(): void {
    while (this.source.hasUnsent) this.flush()
    this.nowMs += 1_000
    this.heartbeat()
    for (let sent = this.sent.shift(); sent !== undefined; sent = this.sent.shift()) this.arrive(sent)
    while (this.copy.isBusy) this.tell(this.copy.work(2))
  }

  hasAllThatLasts(): boolean {
    return [...this.grown].every((key) => this.copy.content.has(key) && this.told.has(key))
  }

  isEqual(): boolean {
    assert.deepEqual(this.told, new Map(this.copy.content.entries()))
    return sameDigest(this.copy.content.digest(), this.source.content.digest()) && this.copy.state === 'in_sync'
  }
}

const steps = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('set' as const), at: fc.nat(), value: fc.integer({ max: 3 }) }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('delete' as const), at: fc.nat() }) },
  { weight: 6, arbitrary: fc.constant({ type: 'flush' as const }) },
  { weight: 4, arbitrary: fc.constant({ type: 'heartbeat' as const }) },
  { weight: 16, arbitrary: fc.constant({ type: 'arrive' as const }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('overtake' as const), at: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('lose' as const), at: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('double' as const), at: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 1_500 }) }) },
  { weight: 2, arbitrary: fc.constant({ type: 'work' as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('replace' as const),
      owner: fc.constantFrom('a', 'b'),
      kept: fc.subarray(passing),
    }),
  },
)
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never

function take(bench: Bench, step: Step): void {
  const { sent, source } = bench
  switch (step.type) {
    case 'set':
      return void source.set(keys[step.at % keys.length]!, step.value)
    case 'delete':
      return void source.delete(passing[step.at % passing.length]!)
    case 'flush':
      return bench.flush()
    case 'heartbeat':
      return bench.heartbeat()
    case 'arrive':
    case 'overtake': {
      const [one] = sent.splice(step.type === 'arrive' ? 0 : step.at % Math.max(1, sent.length), 1)
      return one === undefined ? undefined : bench.arrive(one)
    }
    case 'lose':
      return void sent.splice(step.at % Math.max(1, sent.length), 1)
    case 'double':
      return void sent.push(...sent.slice(step.at % Math.max(1, sent.length)).slice(0, 1))
    case 'wait':
      bench.nowMs += step.ms
      return bench.ask()
    case 'work':
      return bench.tell(bench.copy.work(1))
    case 'replace':
      return bench.replace(step.owner, step.kept)
  }
}

test('whatever was lost, doubled or late, whoever replaced whom: a copy is equal one heartbeat after it is quiet, and what is there throughout never goes', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 150 }), (taken) => {
      const bench = new Bench()
      bench.settle()
      assert.ok(bench.isEqual())
      assert.ok(bench.hasAllThatLasts())
      for (const step of taken) {
        take(bench, step)
        assert.ok(bench.hasAllThatLasts(), step.type)
      }
      // What the former lives of the source sent is still on its way, also questions to them.
      bench.settle()
      assert.ok(bench.isEqual(), bench.copy.state)
    }),
    { numRuns: 2_000 },
  )
})

test('a new life with the same content costs one heartbeat', () => {
  const bench = new Bench()
  for (const [index, key] of passing.entries()) bench.source.set(key, index)
  bench.settle()
  bench.replace('b', passing)
  bench.messages = 0
  bench.entries = 0
  while (bench.source.takeUnsent() !== undefined);
  bench.settle()
  assert.equal(bench.copy.claim?.owner, 'b')
  assert.ok(bench.isEqual())
  assert.deepEqual({ messages: bench.messages, entries: bench.entries }, { messages: 1, entries: 0 })
})

test('a copy that missed changes gets these alone, as long as the owner has them', () => {
  const bench = new Bench()
  bench.settle()
  for (const [index, key] of [...passing, ...growing].slice(0, journal.opsMax).entries()) bench.source.set(key, index)
  while (bench.source.takeUnsent() !== undefined);
  bench.entries = 0
  bench.settle()
  assert.ok(bench.isEqual())
  assert.equal(bench.entries, journal.opsMax)
})

test('a copy that missed more gets the buckets that differ', () => {
  const bench = new Bench()
  bench.settle()
  const [key] = passing
  for (let i = 0; i <= journal.opsMax; i += 1) bench.source.set(key!, i)
  while (bench.source.takeUnsent() !== undefined);
  bench.entries = 0
  bench.settle()
  assert.ok(bench.isEqual())
  const bucket = bench.source.content.bucketOf(key!)
  assert.equal(bench.entries, bench.source.content.bucketDigest(bucket).size)
})

test('a copy whose content was changed behind its back repairs it after the next heartbeat', () => {
  const bench = new Bench()
  bench.settle()
  bench.copy.content.delete(lasting[0]!)
  bench.copy.content.set('no such key', 1)
  bench.settle()
  assert.ok(sameDigest(bench.copy.content.digest(), bench.source.content.digest()))
})

test('who speaks with a lower life is not believed', () => {
  const bench = new Bench()
  const ghost = bench.source.heartbeat()
  bench.replace('b', [])
  bench.settle()
  assert.equal(bench.copy.take(ghost), 'outdated')
})

test('an owner that is gone is asked a few times, and no more until somebody speaks', () => {
  const bench = new Bench()
  bench.copy.take({ ...bench.source.heartbeat(), seq: 7 })
  let asked = 0
  for (let i = 0; i < 100; i += 1) if (bench.copy.ask(i * 1_000) !== undefined) asked += 1
  assert.equal(asked, 5)
  bench.copy.take(bench.source.heartbeat())
  assert.notEqual(bench.copy.ask(200_000), undefined)
})

test('a map beyond what a copy may hold is not asked for, until it is smaller', () => {
  const source = new MapSource({ claim: { life: 1, owner: 'a', boot: '1' }, message, journal })
  const copy = new MapCopy({ entriesMax: 2, answerMs })
  for (const key of ['x', 'y', 'z']) source.set(key, 1)
  copy.take(source.heartbeat())
  assert.equal(copy.ask(0), undefined)
  assert.equal(copy.state, 'too_large')
  source.delete('z')
  copy.take(source.heartbeat())
  assert.equal(copy.ask(0)?.question.type, 'since')
})

test('a bucket that does not add up to what the owner says takes nothing away', () => {
  const bench = new Bench()
  bench.settle()
  bench.replace('b', [])
  bench.source.delete(lasting[0]!)
  while (bench.source.takeUnsent() !== undefined);
  bench.copy.take(bench.source.heartbeat())
  const since = bench.copy.ask(0)
  assert.ok(since)
  bench.copy.take(bench.source.answer(since.question)!)
  const pull = bench.copy.ask(10_000)
  assert.ok(pull)
  const piece = bench.source.answer(pull.question)
  assert.ok(piece?.type === 'piece')
  bench.copy.take({ ...piece, hashes: piece.hashes.map((hash) => hash ^ 1) })
  while (bench.copy.isBusy) bench.copy.work(1)
  assert.ok(bench.copy.content.has(lasting[0]!))
  bench.settle()
  assert.ok(bench.isEqual())
})

test('the digest depends on what is in it, not on how it came there', () => {
  const entries = fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger()), {
    selector: ([key]) => key,
  })
  fc.assert(
    fc.property(entries, entries, (first, second) => {
      const [one, other] = [new MapContent(), new MapContent()]
      for (const [key, value] of [...first, ...second]) one.set(key, value)
      for (const [key, value] of [...second.toReversed(), ...first]) other.set(key, value)
      for (const [key, value] of second) other.set(key, value)
      assert.deepEqual(one.digest(), other.digest())
      for (const [key] of first) one.delete(key)
      for (const [key] of second) one.delete(key)
      assert.deepEqual(one.digest(), emptyDigest)
      const [at] = second
      if (at !== undefined) other.set(at[0], at[1] === 0 ? 2 ** 32 : 0)
      const differs = new MapContent()
      for (const [key, value] of [...first, ...second]) differs.set(key, value)
      assert.equal(sameDigest(differs.digest(), other.digest()), at === undefined)
    }),
  )
})

test('another hash key, another digest', () => {
  const [one, other] = [new MapContent([1, 2]), new MapContent([1, 3])]
  one.set('t/1', 1)
  other.set('t/1', 1)
  assert.ok(!sameDigest(one.digest(), other.digest()))
})

test('what a new life has in place of something else is there before that goes', () => {
  const bench = new Bench()
  const [old, fresh] = [passing.slice(0, 3), passing.slice(3)]
  for (const key of old) bench.source.set(key, 0)
  bench.settle()
  bench.replace('b', [])
  for (const key of fresh) bench.source.set(key, 0)
  while (bench.source.takeUnsent() !== undefined);
  bench.send({ statement: bench.source.heartbeat() })
  for (let sent = bench.sent.shift(); sent !== undefined; sent = bench.sent.shift()) {
    bench.arrive(sent)
    const came = fresh.every((key) => bench.told.has(key))
    assert.ok(came || old.every((key) => bench.told.has(key)))
  }
  while (bench.copy.isBusy) {
    const before = bench.told.size
    bench.tell(bench.copy.work(1))
    assert.equal(bench.told.size, before - 1)
  }
  assert.ok(bench.isEqual())
})

test('what goes while a copy repairs itself goes at the end', () => {
  const bench = new Bench()
  bench.settle()
  bench.replace('b', [])
  bench.source.set(passing[0]!, 0)
  while (bench.source.takeUnsent() !== undefined);
  bench.copy.take(bench.source.heartbeat())
  bench.copy.take(bench.source.answer(bench.copy.ask(0)!.question)!)
  bench.source.delete(lasting[0]!)
  bench.copy.take(bench.source.takeUnsent()!)
  assert.ok(bench.copy.content.has(lasting[0]!))
  bench.settle()
  assert.ok(!bench.copy.content.has(lasting[0]!))
})

test('an answer that changes have overtaken takes nothing of them away', () => {
  const bench = new Bench()
  const { source, copy } = bench
  const [first, second] = crowdedKeys(1, 2)
  source.set(first!, 0)
  while (source.takeUnsent() !== undefined);
  copy.take(source.heartbeat())
  const oldDigests = source.answer(copy.ask(0)!.question)!
  copy.take(oldDigests)
  let old: MapStatement | undefined
  while (old === undefined) {
    const piece = source.answer(copy.ask((bench.nowMs += 1_000))!.question)
    assert.ok(piece?.type === 'piece')
    if (piece.keys.includes(first!)) old = piece
    else copy.take(piece)
  }
  source.set(second!, 0)
  copy.take(source.takeUnsent()!)
  copy.take(old)
  while (copy.isBusy) copy.work(1)
  assert.ok(copy.content.has(second!))
  bench.settle()
  assert.ok(copy.content.has(second!))
  // Digests of before that change, though it asks for some.
  copy.content.delete(first!)
  copy.take(source.heartbeat())
  assert.equal(copy.ask((bench.nowMs += 10_000))?.question.type, 'since')
  copy.take(oldDigests)
  assert.equal(copy.state, 'behind')
  bench.settle()
  assert.ok(sameDigest(copy.content.digest(), source.content.digest()))
})

test('nothing goes before the changes are here that the pieces of a repair were ahead of', () => {
  const [former, brief, late] = keys.filter((_, index) => index % 5 === 0)
  const copy = new MapCopy({ entriesMax: 100, answerMs })
  copy.content.set(former!, 1)
  const source = new MapSource({ claim: { life: 2, owner: 'a', boot: '2' }, message, journal })
  source.set(brief!, 1)
  source.takeUnsent()
  const ask = (): void => {
    const asked = copy.ask(0)
    const answer = asked === undefined ? undefined : source.answer(asked.question)
    assert.ok(answer !== undefined && copy.take(answer) !== 'outdated')
  }
  copy.take(source.heartbeat())
  ask()
  assert.equal(copy.state, 'repairing')
  // What stands for the former one lies in a bucket that did not differ when they were compared.
  source.set(late!, 1)
  source.delete(brief!)
  ask()
  assert.equal(copy.state, 'sweeping')
  assert.deepEqual(copy.work(10), [])
  assert.ok(copy.content.has(former!))
  const missed = source.takeUnsent()
  assert.ok(missed !== undefined)
  copy.take(missed)
  assert.ok(copy.content.has(late!))
  assert.deepEqual(copy.work(10), [{ key: former!, value: undefined }])
  assert.equal(copy.state, 'in_sync')
})

test('a copy pulls as many pieces at a time as it may, and no more', () => {
  const copy = new MapCopy({ entriesMax: 100, answerMs, pullsMax: 2 })
  const source = new MapSource({ claim: { life: 1, owner: 'a', boot: '1' }, message, journal })
  for (const key of keys) source.set(key, 1)
  copy.take(source.heartbeat())
  const since = copy.ask(0)
  copy.take(source.answer(since!.question)!)
  const pulls = [copy.ask(0), copy.ask(0)]
  assert.deepEqual([copy.ask(0), copy.isWaiting(0)], [undefined, true])
  const buckets = pulls.flatMap((pull) => (pull?.question.type === 'pull' ? pull.question.buckets : []))
  assert.equal(new Set(buckets).size, 3, 'each bucket is asked for once')
  for (let pull = pulls.pop(); pull !== undefined; pull = pulls.pop() ?? copy.ask(0)) {
    const piece = source.answer(pull.question)
    assert.ok(piece !== undefined && copy.take(piece) !== 'outdated')
  }
  assert.equal(copy.state, 'in_sync')
})

test('who takes leave is not heard any more, until somebody with a higher claim speaks', () => {
  const copy = new MapCopy({ entriesMax: 100, answerMs })
  const source = new MapSource({ claim: { life: 2, owner: 'a', boot: '1' }, message, journal })
  source.set(keys[0]!, 1)
  const delta = source.takeUnsent()!
  copy.take({ ...source.heartbeat(), seq: 0, digest: emptyDigest })
  copy.take(delta)
  assert.equal(copy.end({ ...source.claim, life: 1 }), false, 'somebody with a lower claim')
  assert.ok(copy.end(source.claim))
  assert.equal(copy.take(delta), 'outdated')
  assert.deepEqual([copy.state, copy.isBusy, copy.need], ['ended', true, undefined])
  assert.deepEqual(copy.work(10), [{ key: keys[0]!, value: undefined }])
  assert.equal(copy.isBusy, false)
  source.raise(3)
  copy.take(source.heartbeat())
  assert.equal(copy.state, 'behind')
})
