/** Brokers of one cluster in one process: what they hand each other waits until a test delivers it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { Clock } from '../../../src/broker/clock.ts'
import type { Directive, Members, MarkWaiter } from '../../../src/broker/members-port.ts'
import type { LocalInterestChange } from '../../../src/broker/members/local-interest.ts'
import type { Passing } from '../../../src/broker/sessions/passing.ts'
import type { MqttConfig } from '../../../src/config/config.ts'
import { BatchWriter } from '../../../src/lanes/batches/batch-writer.ts'
import { readBatch } from '../../../src/lanes/batches/read-batch.ts'
import type { Publication } from '../../../src/packets/publication.ts'
import { ManualClock } from '../manual-clock.ts'
import { TestBroker } from '../test-broker.ts'

export type Copy = {
  readonly from: string
  readonly to: string
  readonly publication: Publication
  readonly directive: Directive
  readonly mark: number
}

/** One node, as its broker sees the others. */
export class Node implements Members {
  readonly name: string
  readonly started: TestBroker
  settledMark = 0
  readonly #nodes: Nodes
  readonly #open = new Set<number>()
  #mark = 0
  #waiters: MarkWaiter[] = []

  constructor(name: string, started: TestBroker, nodes: Nodes) {
    this.name = name
    this.started = started
    this.#nodes = nodes
    started.broker.members = this
  }

  get broker(): TestBroker['broker'] {
    return this.started.broker
  }

  send(node: string, passing: Passing, directive: Directive): number {
    const { publication, directive: read } = overTheWire(passing, directive)
    const mark = publication.qos > 0 ? ++this.#mark : 0
    if (mark > 0) this.#open.add(mark)
    this.#nodes.underway.push({ from: this.name, to: node, publication, directive: read, mark })
    return mark
  }

  wait(waiter: MarkWaiter): void {
    this.#waiters.push(waiter)
  }

  all(): readonly string[] {
    return this.#nodes.others(this.name)
  }

  settle(mark: number): void {
    this.#open.delete(mark)
    this.settledMark = this.#open.size === 0 ? this.#mark : Math.min(...this.#open) - 1
    const waiters = this.#waiters
    this.#waiters = []
    this.#waiters.push(...waiters.filter((waiter) => waiter.settled()))
  }
}

/** As lanes bring it. */
function overTheWire(passing: Passing, directive: Directive): { publication: Publication; directive: Directive } {
  const writer = new BatchWriter()
  writer.add(passing, directive)
  const read = readBatch(writer.finish(1))
  assert(read.type === 'messages')
  return { publication: read.publications[0]!, directive: read.directives[0]! }
}

export class Nodes {
  readonly clock: ManualClock
  /** Copies that were sent, oldest first. */
  readonly underway: Copy[] = []
  readonly #byName = new Map<string, Node>()

  private constructor(clock: ManualClock) {
    this.clock = clock
  }

  static async start(
    t: TestContext,
    names: readonly string[],
    config: Partial<MqttConfig> = {},
    clock: ManualClock = new ManualClock(),
    clockOf: (name: string) => Clock = () => clock,
  ): Promise<Nodes> {
    const nodes = new Nodes(clock)
    for (const name of names)
      nodes.#byName.set(name, new Node(name, await TestBroker.start(t, config, clockOf(name)), nodes))
    for (const { name, broker } of nodes.#byName.values()) broker.onLocalInterest((change) => nodes.#tell(name, change))
    return nodes
  }

  /** The node of this name, as a broker with clients. */
  at(name: string): TestBroker {
    return this.node(name).started
  }

  node(name: string): Node {
    const node = this.#byName.get(name)
    assert(node !== undefined)
    return node
  }

  others(name: string): readonly string[] {
    return [...this.#byName.keys()].filter((other) => other !== name)
  }

  /** Whether nodes hear of each other's interest at once. */
  isTelling = true

  #tell(node: string, { type, entry }: LocalInterestChange): void {
    if (!this.isTelling || type === 'changed') return
    const { topicFilter } = entry
    for (const other of this.others(node)) {
      const { broker } = this.node(other)
      if (entry.kind === 'filter') {
        if (type === 'added') broker.addMemberRoute(node, topicFilter)
        else broker.removeMemberRoute(node, topicFilter)
      } else if (type === 'added') broker.addMemberGroup(node, entry.shareName, topicFilter)
      else broker.removeMemberGroup(node, entry.shareName, topicFilter)
    }
  }

  /** Delivers all that is underway, and what comes of it, and says what it was: `a>b topic groups`. */
  deliver(): string[] {
    const told: string[] = []
    while (this.underway.length > 0) told.push(this.deliverOne(0))
    return told
  }

  /** Delivers the first one of those that are underway between two nodes, which are found at this index. */
  deliverOne(index: number): string {
    const { from, to } = this.underway[index]!
    const first = this.underway.findIndex((copy) => copy.from === from && copy.to === to)
    const [copy] = this.underway.splice(first, 1)
    const { publication, directive, mark } = copy!
    const { broker } = this.node(to)
    broker.deliverFromMember(publication, directive)
    broker.whenKept(() => this.node(from).settle(mark))
    return describe(copy!)
  }
}

export function describe({ from, to, publication, directive }: Copy): string {
  const { plain, groups } = directive
  const whom = [...(plain ? ['all'] : []), ...groups.map((group) => group.replaceAll('\0', ' after '))]
  return `${from}>${to} ${publication.topic} ${whom.length === 0 ? 'retain' : whom.join(', ')}`
}
