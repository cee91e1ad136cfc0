/** Whatever happens between two hosts: bytes come in order and exactly, up to some byte, and all of them where nothing broke. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { type Answered, CLIENT, type Dialled, numbered, SERVER, TwoHosts } from './two-hosts.ts'

type Side = 'client' | 'server'

type Step = { readonly afterMs: number } & (
  | { readonly type: 'write'; readonly side: Side; readonly length: number }
  | { readonly type: 'end'; readonly side: Side }
  | { readonly type: 'cut'; readonly to: Side; readonly forMs: number }
  | { readonly type: 'slow'; readonly to: Side; readonly maxMs: number; readonly loss: number }
  | { readonly type: 'deaf'; readonly side: Side; readonly forMs: number }
  | { readonly type: 'frozen'; readonly side: Side; readonly forMs: number }
  | { readonly type: 'reset' }
  | { readonly type: 'destroy'; readonly side: Side }
)

const side = fc.constantFrom<Side>('client', 'server')
const afterMs = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 5, noNaN: true }), fc.integer({ max: 3_000, min: 0 }))
const forMs = fc.integer({ min: 1, max: 20_000 })
const harmless: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      afterMs,
      type: fc.constant('write' as const),
      side,
      length: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 150_000 })),
    }),
  },
  fc.record({ afterMs, type: fc.constant('cut' as const), to: side, forMs }),
  fc.record({
    afterMs,
    type: fc.constant('slow' as const),
    to: side,
    maxMs: fc.integer({ min: 1, max: 500 }),
    loss: fc.double({ min: 0, max: 0.3, noNaN: true }),
  }),
  fc.record({ afterMs, type: fc.constant('deaf' as const), side, forMs }),
  fc.record({ afterMs, type: fc.constant('frozen' as const), side, forMs }),
)
const harmful: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: harmless },
  fc.record({ afterMs, type: fc.constant('end' as const), side }),
  fc.record({ afterMs, type: fc.constant('reset' as const) }),
  fc.record({ afterMs, type: fc.constant('destroy' as const), side }),
)

/** One run of steps over one connection. */
class Run {
  readonly hosts: TwoHosts
  readonly dialled: Dialled
  readonly answered: Answered
  readonly written = { client: 0, server: 0 }

  constructor(hosts: TwoHosts, dialled: Dialled, answered: Answered) {
    this.hosts = hosts
    this.dialled = dialled
    this.answered = answered
  }

  static async of(seed: number, steps: readonly Step[]): Promise<Run> {
    const hosts = new TwoHosts(seed)
    const { dialled, answered } = await hosts.connected()
    const run = new Run(hosts, dialled, answered)
    for (const step of steps) {
      await hosts.pass(step.afterMs)
      run.do(step)
    }
    // Longer than any fault, and than what was lost for its whole time needs to be sent again.
    await hosts.pass(800_000)
    return run
  }

  do(step: Step): void {
    const { hosts, dialled, answered } = this
    const { network, time } = hosts
    if (step.type === 'write') this.#write(step.side, step.length)
    else if (step.type === 'end')
      this.#isClient(
        step.side,
        () => dialled.socket.end(),
        () => answered.transport.end(),
      )
    else if (step.type === 'destroy')
      this.#isClient(
        step.side,
        () => dialled.socket.destroy(),
        () => answered.transport.destroy(),
      )
    else if (step.type === 'reset') network.resetAll(CLIENT, SERVER.host)
    else if (step.type === 'slow')
      network.setLatency(...waysTo(step.to), { minMs: 0, maxMs: step.maxMs, loss: step.loss })
    else if (step.type === 'cut') time.after(step.forMs, network.cut(...waysTo(step.to), 'vanish'))
    else if (step.type === 'deaf') {
      this.#isClient(
        step.side,
        () => dialled.socket.pause(),
        () => answered.transport.pause(),
      )
      time.after(step.forMs, () =>
        this.#isClient(
          step.side,
          () => dialled.socket.resume(),
          () => answered.transport.resume(),
        ),
      )
    } else {
      const process = step.side === 'client' ? hosts.client : hosts.server
      process.freeze()
      time.after(step.forMs, () => process.thaw())
    }
  }

  /** What the whole run came to. */
  get outcome(): object {
    const { dialled, answered, hosts } = this
    const heard = { client: dialled.bytes.toString('hex'), server: answered.bytes.toString('hex') }
    return { heard, told: [dialled.told, answered.told], events: hosts.time.events, chunks: answered.chunks }
  }

  #write(from: Side, length: number): void {
    const { dialled, answered } = this
    if (from === 'client' ? !dialled.socket.writable : answered.told.length > 0) return
    const bytes = numbered(length, this.written[from])
    this.written[from] += length
    if (from === 'client') dialled.socket.write(bytes)
    else answered.transport.write(bytes)
  }

  #isClient(which: Side, client: () => void, server: () => void): void {
    if (which === 'client') client()
    else server()
  }
}

function waysTo(to: Side): [from: string, to: string] {
  return to === 'client' ? [SERVER.host, CLIENT] : [CLIENT, SERVER.host]
}

const seed = fc.integer({ min: 0, max: 2 ** 32 })

test('faults that end lose nothing, and nobody hears of them', async () => {
  await fc.assert(
    fc.asyncProperty(seed, fc.array(harmless, { maxLength: 12 }), async (number, steps) => {
      const run = await Run.of(number, steps)
      assert.deepEqual(run.answered.bytes, numbered(run.written.client))
      assert.deepEqual(run.dialled.bytes, numbered(run.written.server))
      assert.deepEqual([...run.dialled.told, ...run.answered.told], ['connect'])
    }),
    { numRuns: 150 },
  )
})

test('whatever happens, what comes is a beginning of what was sent, and a second run is the same', async () => {
  await fc.assert(
    fc.asyncProperty(seed, fc.array(harmful, { maxLength: 12 }), async (number, steps) => {
      const run = await Run.of(number, steps)
      const { dialled, answered } = run
      assert.deepEqual(answered.bytes, numbered(answered.bytes.length))
      assert.deepEqual(dialled.bytes, numbered(dialled.bytes.length))
      assert(answered.bytes.length <= run.written.client && dialled.bytes.length <= run.written.server)
      assert(answered.told.filter((told) => told === 'closed').length <= 1)
      assert(dialled.told.indexOf('close') === -1 || dialled.told.at(-1) === 'close')
      const again = await Run.of(number, steps)
      assert.deepEqual(again.outcome, run.outcome)
    }),
    { numRuns: 150 },
  )
})
