/**
 * What is told to those who watch: asked of all nodes once an interval, however many watch, and of nobody while nobody does. Each
 * stream is told everything at first, then what changed.
 */
import type { MemberCalls } from '../member-calls.ts'
import type { SilentNode } from '../paging.ts'
import { LinkBoard } from './link-board.ts'
import { linksCall, tailCall } from './live-calls.ts'

export interface LiveClock {
  steadyMs(): number
  after(ms: number, call: () => void): { cancel(): void }
}

/** Somebody who watches. */
export interface LiveListener {
  /** @param data JSON */
  tell(event: string, data: string): void
}

export type LiveTopic = 'links' | 'nodes' | 'alarms' | 'log' | 'actors' | `links:${string}`

export type LivePorts = {
  readonly calls: MemberCalls
  readonly clock: LiveClock
  /** Subjects that are asked for as a whole, and told when they read otherwise. Of those left out nothing is told. */
  readonly subjects: {
    readonly nodes?: () => Promise<object | undefined>
    readonly alarms?: () => Promise<object | undefined>
    /** `undefined` for one that is gone. */
    readonly link?: (name: string) => Promise<object | undefined>
  }
}

const MS_MIN = 1_000

type Stream = {
  readonly listener: LiveListener
  readonly topics: ReadonlySet<LiveTopic>
  readonly intervalMs: number
  dueMs: number
  /** Of the board, up to which it was told. */
  turn: number
  /** By topic, what it was told last; of tails up to which line by node. */
  readonly told: Map<string, string>
  silent: string
}

type TailState = { life: number; next: number }

export class LiveHub {
  readonly #ports: LivePorts
  readonly #streams = new Set<Stream>()
  #board = new LinkBoard()
  readonly #tails = { log: new Map<string, TailState>(), actors: new Map<string, TailState>() }
  #timer: { cancel(): void } | undefined
  #isAsking = false
  #isStopped = false

  constructor(ports: LivePorts) {
    this.#ports = ports
  }

  get size(): number {
    return this.#streams.size
  }

  /** Returns how to end it. The first words follow at once. */
  listen(listener: LiveListener, topics: readonly LiveTopic[], intervalMs: number): () => void {
    const stream: Stream = {
      listener,
      topics: new Set(topics),
      intervalMs: Math.max(MS_MIN, intervalMs),
      dueMs: this.#ports.clock.steadyMs(),
      turn: 0,
      told: new Map(),
      silent: '[]',
    }
    this.#streams.add(stream)
    this.#arm()
    return () => {
      this.#streams.delete(stream)
      for (const tail of ['log', 'actors'] as const) if (!this.#isWanted(tail)) this.#tails[tail].clear()
      if (this.#streams.size === 0) this.#rest()
    }
  }

  stop(): void {
    this.#isStopped = true
    this.#rest()
  }

  #isWanted(topic: LiveTopic): boolean {
    for (const { topics } of this.#streams) if (topics.has(topic)) return true
    return false
  }

  #rest(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#board = new LinkBoard()
  }

  #arm(): void {
    if (this.#isStopped || this.#isAsking || this.#streams.size === 0) return
    this.#timer?.cancel()
    const dueMs = Math.min(...[...this.#streams].map((stream) => stream.dueMs))
    const waitMs = Math.max(0, dueMs - this.#ports.clock.steadyMs())
    this.#timer = this.#ports.clock.after(waitMs, () => void this.#turn())
  }

  /** Those that are due, and those that are nearly, are told together. */
  async #turn(): Promise<void> {
    const { clock } = this.#ports
    const nowMs = clock.steadyMs()
    const due = [...this.#streams].filter(({ dueMs, intervalMs }) => dueMs <= nowMs + intervalMs / 10)
    for (const stream of due) stream.dueMs = nowMs + stream.intervalMs
    this.#isAsking = true
    try {
      await this.#tellAll(due)
    } finally {
      this.#isAsking = false
      this.#arm()
    }
  }

  async #tellAll(due: readonly Stream[]): Promise<void> {
    const wanted = new Set(due.flatMap(({ topics }) => [...topics]))
    const silent = new Map<string, string>()
    await Promise.all([...wanted].map((topic) => this.#tellTopic(topic, due, silent)))
    const text = JSON.stringify([...silent].map(([node, reason]): SilentNode => ({ node, reason })))
    for (const stream of due) {
      if (stream.silent === text || !this.#streams.has(stream)) continue
      stream.silent = text
      stream.listener.tell('silent', text)
    }
  }

  async #tellTopic(topic: LiveTopic, due: readonly Stream[], silent: Map<string, string>): Promise<void> {
    const streams = due.filter(({ topics }) => topics.has(topic))
    if (topic === 'links') return this.#tellLinks(streams, silent)
    if (topic === 'log' || topic === 'actors') return this.#tellTail(topic, silent)
    await this.#tellSubject(topic, streams)
  }

  async #tellLinks(streams: readonly Stream[], silent: Map<string, string>): Promise<void> {
    const { calls } = this.#ports
    const board = this.#board
    const answers = await Promise.all(calls.nodes.map((node) => calls.at(node, linksCall, board.knownOf(node))))
    for (const answer of answers) {
      if (answer.type === 'ok') board.take(answer.node, answer.result)
      else silent.set(answer.node, answer.reason)
    }
    board.keepOnly(answers.flatMap(({ node, type }) => (type === 'ok' ? [node] : [])))
    board.settle()
    for (const stream of streams) {
      const text = board.since(stream.turn)
      stream.turn = board.turn
      if (text !== undefined) this.#tell(stream, 'links', text)
    }
    const watching = [...this.#streams].filter(({ topics, turn }) => topics.has('links') && turn > 0)
    board.forgetBefore(Math.min(board.turn, ...watching.map(({ turn }) => turn)))
  }

  /** Lines that came since this hub asked last: whoever begins to watch is told from there on. */
  async #tellTail(tail: 'log' | 'actors', silent: Map<string, string>): Promise<void> {
    const { calls } = this.#ports
    const states = this.#tails[tail]
    const answers = await Promise.all(
      calls.nodes.map((node) => {
        const { life, next } = states.get(node) ?? { life: 0, next: -1 }
        return calls.at(node, tailCall, { tail, life, after: next })
      }),
    )
    const lines: object[] = []
    for (const answer of answers) {
      if (answer.type === 'failed') {
        silent.set(answer.node, answer.reason)
        continue
      }
      const { node, result } = answer
      states.set(node, { life: result.life, next: result.next })
      if (result.skipped > 0) lines.push({ node, skipped: result.skipped })
      for (const line of result.lines) lines.push({ node, ...line })
    }
    if (lines.length === 0) return
    const text = JSON.stringify(lines)
    // Those with a longer interval would miss what is told between their turns.
    for (const stream of this.#streams) if (stream.topics.has(tail)) this.#tell(stream, tail, text)
  }

  async #tellSubject(topic: Exclude<LiveTopic, 'links' | 'log' | 'actors'>, streams: readonly Stream[]): Promise<void> {
    const { nodes, alarms, link } = this.#ports.subjects
    const name = topic.startsWith('links:') ? topic.slice('links:'.length) : undefined
    const ask = name === undefined ? (topic === 'nodes' ? nodes : alarms) : () => link?.(name)
    const answer = await ask?.()
    if (answer === undefined) return
    const text = JSON.stringify(answer)
    for (const stream of streams) {
      if (stream.told.get(topic) === text) continue
      stream.told.set(topic, text)
      this.#tell(stream, name === undefined ? topic : 'link', text)
    }
  }

  #tell(stream: Stream, event: string, data: string): void {
    if (this.#streams.has(stream)) stream.listener.tell(event, data)
  }
}
