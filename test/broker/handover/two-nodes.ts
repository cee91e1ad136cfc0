/** Nodes with a broker each, that know of each other's sessions and ask each other for them as on the bus, with a clock that tests can move on. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Confirmation, SessionDirectory, SessionHost, Successor } from '../../../src/broker/session-directory.ts'
import { ManualClock } from '../manual-clock.ts'
import { TestBroker } from '../test-broker.ts'
import type { MemoryStore } from '../durable/memory-store.ts'

type Claim = { readonly node: string; readonly stamp: number }

/** What is known of sessions, at once and everywhere. Stands for the real directory, whose suite is with the cluster. */
export class Town {
  readonly clock = new ManualClock()
  readonly nodes = new Map<string, TownNode>()
  readonly #claims = new Map<string, Claim[]>()
  #stamp = 0
  /** What a question meets on its way; it may throw, or wait. */
  onTheWay: (kind: 'take' | 'confirm' | 'forward', from: string, to: string) => Promise<void> = async () => undefined
  /** The same for the way back. */
  onTheWayBack: typeof this.onTheWay = async () => undefined
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
    // Commits gather for a millisecond or two.
    const timer = setInterval(() => this.clock.advance(1), 1)
    t.after(() => clearInterval(timer))
  }

  /** A node, which knows what is in its store if it has one. */
  async node(name: string, store?: MemoryStore): Promise<TownNode> {
    const started = await TestBroker.start(this.#t, {}, this.clock)
    if (store !== undefined) started.broker.open(store)
    const node = new TownNode(this, name, started, store)
    this.nodes.set(name, node)
    started.broker.directory = node
    return node
  }

  claimsOf(clientId: string): Claim[] {
    return [...(this.#claims.get(clientId) ?? [])].toSorted((a, b) => b.stamp - a.stamp)
  }

  claim(node: string, clientId: string, isOld: boolean): void {
    if (!this.nodes.has(node)) return
    const others = (this.#claims.get(clientId) ?? []).filter((claim) => claim.node !== node)
    const stamp = isOld ? 0 : ++this.#stamp
    this.#claims.set(clientId, [...others, { node, stamp }])
    const [newest] = this.claimsOf(clientId)
    for (const claim of this.claimsOf(clientId))
      if (claim.node !== newest!.node) this.nodes.get(claim.node)?.host?.superseded(clientId, newest!.node)
  }

  unclaim(node: string, clientId: string): void {
    this.#claims.set(
      clientId,
      (this.#claims.get(clientId) ?? []).filter((claim) => claim.node !== node),
    )
  }

  forgetNode(node: string): void {
    for (const clientId of this.#claims.keys()) this.unclaim(node, clientId)
    this.nodes.delete(node)
  }

  /** Time goes on, and the event loop with it. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10) {
      this.clock.advance(Math.min(10, left))
      await turns(2)
    }
  }
}

export class TownNode implements SessionDirectory {
  readonly name: string
  readonly started: TestBroker
  readonly store: MemoryStore | undefined
  host: SessionHost | undefined
  readonly #town: Town

  constructor(town: Town, name: string, started: TestBroker, store: MemoryStore | undefined) {
    this.#town = town
    this.name = name
    this.started = started
    this.store = store
  }

  attach(host: SessionHost): void {
    this.host = host
  }

  /** What went wrong, by the log. */
  get troubles(): string[] {
    return this.started.log.filter(({ level }) => level === 'warn' || level === 'error').map(({ event }) => event)
  }

  /** Nothing of this process reaches the disk or another node any more; the one that starts after it is under the same name. */
  crash(): MemoryStore {
    this.started.broker.journal.close()
    this.#town.forgetNode(this.name)
    assert(this.store !== undefined)
    return this.store.afterCrash()
  }

  ownerOf(clientId: string): string | undefined {
    const [newest] = this.#town.claimsOf(clientId)
    return newest === undefined || newest.node === this.name ? undefined : newest.node
  }

  async #ask<T>(
    kind: 'take' | 'confirm' | 'forward',
    node: string,
    ask: (host: SessionHost) => T,
  ): Promise<Awaited<T>> {
    await this.#town.onTheWay(kind, this.name, node)
    const host = this.#town.nodes.get(node)?.host
    if (host === undefined) throw new Error(`${node} is silent`)
    const answer = await ask(host)
    await this.#town.onTheWayBack(kind, this.name, node)
    return answer
  }

  take(node: string, clientId: string, successor: Successor): Promise<Buffer | undefined> {
    return this.#ask('take', node, (host) => host.release(this.name, clientId, successor))
  }

  confirm(node: string, clientId: string): Promise<Confirmation> {
    return this.#ask('confirm', node, (host) => host.confirmed(this.name, clientId))
  }

  forward(node: string, clientId: string, late: Buffer): Promise<void> {
    return this.#ask('forward', node, (host) => host.late(clientId, late))
  }

  present(clientId: string, sinceMs?: number): void {
    this.#town.claim(this.name, clientId, sinceMs !== undefined)
  }

  absent(clientId: string): void {
    this.#town.unclaim(this.name, clientId)
  }
}

/** What somebody stops at until a test opens it. */
export class Gate {
  /** Resolves when the first one has come. */
  readonly reached: Promise<void>
  #reach: () => void = () => undefined
  readonly #passed: Promise<void>
  #open: () => void = () => undefined

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve))
    this.#passed = new Promise((resolve) => (this.#open = resolve))
  }

  pass(): Promise<void> {
    this.#reach()
    return this.#passed
  }

  open(): void {
    this.#open()
  }
}

/** So many turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
