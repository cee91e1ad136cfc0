/** What was taken of a peer and what that brought are on the disk together or not at all, wherever a crash comes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type KeptMarks, SenderMarks } from '../../../src/lanes/high-water-marks.ts'
import { DurableLinks } from '../../../src/link/durable/durable-links.ts'
import type { LinkChange } from '../../../src/link/durable/outbox-store.ts'
import { DamagedOutbox } from '../../../src/link/durable/outbox-records.ts'
import { encodeRoutes, routesKey } from '../../../src/link/durable/route-records.ts'
import { ManualClock } from '../manual-clock.ts'
import { LinkStore } from './link-store.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const EPOCH = 7
const MESSAGES = 4

/** A message that a kept session got, as a record of the store. */
const effectKey = (sequence: number, message: number): Buffer =>
  routesKey({ link: 'effects', actor: sequence, bucket: message })

/** A receiver whose broker keeps something of each message, or nothing, and commits when it is told to. */
class Receiver {
  readonly store = new LinkStore()
  readonly clock = new ManualClock()
  readonly marks = new SenderMarks()
  readonly links: DurableLinks
  readonly #kept: { touch(): void }
  #sequence = 0
  /** The batch that is being taken. */
  #batch: { taken: number; readonly isKept: boolean } | undefined
  #gathering: LinkChange[] = []
  /** Of commits: those that were begun, and those that are over. */
  #begun = 0
  #over = 0
  #waiting: { readonly commit: number; readonly call: () => void }[] = []

  constructor() {
    const defer = (call: () => void): void => void this.clock.after(0, call)
    const options = { clock: this.clock, log: silent, defer }
    const isKept = (): boolean => this.#gathering.length === 0 && this.#begun === this.#over
    this.links = new DurableLinks(this.store, options, {
      isSettled: true,
      get isKept() {
        return isKept()
      },
      whenKept: (call) => {
        if (isKept()) return call()
        this.#waiting.push({ commit: this.#begun + (this.#gathering.length > 0 ? 1 : 0), call })
      },
    })
    this.#kept = this.links.marks.keep('far', 'f1', this.marks)
  }

  /** @param count messages of the batch that are taken in this turn */
  take(count: number, isKept: boolean): void {
    if (this.#batch === undefined) {
      this.#sequence += 1
      this.#batch = { taken: 0, isKept }
      this.marks.take(EPOCH, 0, this.#sequence, false)
      this.marks.begin(EPOCH, 0, this.#sequence, this.#batch)
    }
    const batch = this.#batch
    for (let left = count; left > 0 && batch.taken < MESSAGES; left -= 1) {
      if (batch.isKept)
        this.#gathering.push({ table: 'routes', key: effectKey(this.#sequence, batch.taken), value: encodeRoutes([]) })
      batch.taken += 1
    }
    if (batch.taken === MESSAGES) {
      this.marks.end()
      this.#batch = undefined
    }
    this.#kept.touch()
  }

  commit(): void {
    if (this.#begun !== this.#over || this.#gathering.length === 0) return
    const changes = this.#gathering
    this.#gathering = []
    this.#begun += 1
    void this.#follow(changes)
  }

  async #follow(changes: readonly LinkChange[]): Promise<void> {
    try {
      await this.links.carry((own) => this.store.commit([...own, ...changes]))
    } catch {
      // It is for the next commit.
      this.#gathering = [...changes, ...this.#gathering]
      this.#begun -= 1
      return
    }
    this.#over = this.#begun
    const due = this.#waiting.filter(({ commit }) => commit <= this.#over)
    this.#waiting = this.#waiting.filter(({ commit }) => commit > this.#over)
    for (const { call } of due) call()
  }

  /** What the next process finds. */
  async found(): Promise<{ readonly marks: KeptMarks | undefined; readonly effects: ReadonlySet<string> }> {
    const store = this.store.afterCrash()
    const effects = new Set(Array.from(store.entriesAfter('routes', undefined), ([key]) => key.toString('hex')))
    const links = new DurableLinks(store, {
      clock: new ManualClock(),
      log: silent,
      defer: (call) => setImmediate(call),
    })
    await links.load()
    return { marks: links.marks.claim('far', 'f1'), effects }
  }

  get sequence(): number {
    return this.#sequence
  }
}

async function assertTogether(receiver: Receiver, keptSequences: ReadonlySet<number>): Promise<void> {
  const { marks: kept, effects } = await receiver.found()
  const marks = new SenderMarks()
  if (kept !== undefined) marks.restore(kept)
  for (const sequence of keptSequences) {
    const verdict = marks.judge(EPOCH, 0, sequence, true)
    const taken = verdict === 'duplicate' ? MESSAGES : marks.takenOf(EPOCH, 0, sequence)
    for (let message = 0; message < MESSAGES; message += 1) {
      const isThere = effects.has(effectKey(sequence, message).toString('hex'))
      assert.equal(isThere, message < taken, `${sequence}.${message}: ${verdict}, ${taken} taken`)
    }
  }
}

test('property: a batch is known after a crash, to the message, if what it brought is there, and only then', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ count: fc.integer({ min: 1, max: MESSAGES }), isKept: fc.boolean() }) },
    { weight: 6, arbitrary: fc.constantFrom('commit', 'settle', 'settle', 'fail', 'pass', 'outbox') },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const receiver = new Receiver()
      const { keeper } = receiver.links.link('far')
      const kept = new Set<number>()
      let isKept = false
      for (const one of steps) {
        if (typeof one === 'object') {
          const { sequence } = receiver
          receiver.take(one.count, one.isKept)
          if (receiver.sequence !== sequence) isKept = one.isKept
          if (isKept) kept.add(receiver.sequence)
        } else if (one === 'commit') receiver.commit()
        else if (one === 'settle') await receiver.store.settle()
        else if (one === 'fail') await receiver.store.settle(new Error('no room'))
        else if (one === 'pass') receiver.clock.advance(60)
        else keeper.touch()
        await assertTogether(receiver, kept)
      }
    }),
    { numRuns: 500 },
  )
})

test('what left nothing to keep is written a moment later, and nothing is written twice', async () => {
  const receiver = new Receiver()
  receiver.store.isPrompt = true
  receiver.take(MESSAGES, false)
  assert.equal((await receiver.found()).marks, undefined)
  receiver.clock.advance(60)
  await receiver.store.settle()
  assert.deepEqual((await receiver.found()).marks?.lanes, [{ epoch: EPOCH, lane: 0, sequence: 1, isSure: false }])
  const { commits } = receiver.store
  receiver.clock.advance(10_000)
  assert.equal(receiver.store.commits, commits)
})

test('nothing is left of a link that is forgotten, and damage is found', async () => {
  const receiver = new Receiver()
  receiver.store.isPrompt = true
  receiver.take(MESSAGES, false)
  await receiver.links.flush()
  assert.equal(receiver.store.count('marks'), 1)
  const damaged = receiver.store.afterCrash()
  damaged.damage('marks')
  const links = new DurableLinks(damaged, { clock: receiver.clock, log: silent, defer: () => {} })
  await assert.rejects(links.load(), DamagedOutbox)
  receiver.links.marks.forget('far')
  await receiver.links.flush()
  assert.equal(receiver.store.count('marks'), 0)
})
