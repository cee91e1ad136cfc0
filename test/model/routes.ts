/**
 * The routes of a native link: a source that changes its mind, ends and begins another life, or is replaced by a node while the
 * former one goes on speaking; a sink that ends; frames that are lost, repeated and overtaken.
 *
 * Real: `RouteSource`, `LinkRoutes` with journal and digests, `RouteCopy` with the repair by buckets, and the frames between them. Made
 * up: the connection.
 */
import { matches } from '../../src/topics/match.ts'
import { RouteCopy } from '../../src/routes/route-copy.ts'
import { decodeRouteFrame, encodeRouteFrame, type RouteFrame } from '../../src/routes/route-frames.ts'
import { cluster, RouteLink } from '../routes/route-link.ts'
import type { System } from './explore.ts'

export type RoutesScope = {
  /** Of the source's interest. */
  readonly changes: number
  /** Frames lost, repeated or overtaken. */
  readonly faults: number
  readonly cuts: number
  /** Ends of either process. */
  readonly restarts: number
  /** Heartbeats, and seconds that go by. */
  readonly beats: number
  /** A planted fault: the sink gives all up before it hears a new life; it listens to whoever was replaced; it compares nothing. */
  readonly mutation?: 'wipe_first' | 'ghost_believed' | 'no_digests'
}

/** Wanted from the beginning to the end, under this name or under a filter that covers it. */
const kept = 'a/x'
const spoken = 'it spoke'
const toggled = ['b', 'c/#', 'a/#']
/** Each change and each piece is a frame of its own, and the journal is soon at its end. */
const limits = {
  frame: { opsMax: 1, bytesMax: 1_000 },
  journal: { opsMax: 2, bytesMax: 10_000 },
  atOnceMax: 100,
}

export class RoutesWorld {
  readonly #scope: RoutesScope
  readonly #link = new RouteLink(['#'], limits)
  /** What the source's life was told, in order, and when it spoke first: its journal is made of that. */
  #history: string[] = [spoken]
  #formerHistory: readonly string[] = []
  #changes = 0
  #faults = 0
  #cuts = 0
  #restarts = 0
  #beats = 0
  #lives = 1
  /** The sink was told what is wanted throughout, and has not lost its memory since. */
  #isHeld = true
  #broken: string | undefined

  constructor(scope: RoutesScope) {
    this.#scope = scope
    const link = this.#link
    // Of nothing they agree at once, and what is added then comes by changes: cheaper than a bootstrap for each replay.
    link.settle()
    for (const topicFilter of [kept, 'b']) link.add(topicFilter)
    link.settle()
  }

  actions(): string[] {
    const { changes, faults, cuts, restarts, beats } = this.#scope
    const { isUp, interest, sent, copy } = this.#link
    const found: string[] = []
    if (this.#changes < changes)
      for (const filter of toggled) found.push(`${filter} is ${interest.has(filter) ? 'no longer ' : ''}wanted`)
    if (isUp) found.push('the source tells its changes')
    if (isUp && this.#beats < beats) found.push('a heartbeat', 'a second goes by')
    if (sent.length > 0) found.push('the first frame arrives')
    if (sent.length > 0 && this.#faults < faults) found.push('the first frame is lost', 'the first frame comes twice')
    if (sent.length > 1 && this.#faults < faults) found.push('the second frame overtakes')
    if (copy.isBusy) found.push('the sink works')
    if (!isUp) found.push('they connect')
    else if (this.#cuts < cuts) found.push('the connection is cut')
    if (this.#restarts < restarts)
      found.push(
        'the source begins a new life',
        'the sink starts anew with its routes',
        'the sink starts anew with none',
      )
    if (isUp && this.#lives > 1 && this.#faults < faults) found.push('who was replaced speaks')
    return found
  }

  perform(action: string): void {
    this.#act(action)
    const hasSpoken = action === 'they connect' || action === 'a heartbeat'
    if (hasSpoken && !this.#history.includes(spoken)) this.#history.push(spoken)
    this.#look()
  }

  #act(action: string): void {
    const link = this.#link
    if (action.endsWith('wanted')) return this.#toggle(action)
    if (action === 'the source tells its changes') return link.flush()
    if (action === 'a heartbeat' || action === 'a second goes by') return this.#beat(action)
    if (action === 'the sink works') return link.workSink(1)
    if (action === 'they connect') return link.connect()
    if (action === 'the connection is cut') {
      this.#cuts += 1
      return link.cut()
    }
    if (action === 'the source begins a new life') return this.#restartSource()
    if (action.startsWith('the sink starts')) return this.#restartSink(action.endsWith('routes'))
    return this.#frame(action)
  }

  #toggle(action: string): void {
    const link = this.#link
    this.#changes += 1
    this.#history.push(action)
    const [filter = ''] = action.split(' ')
    if (link.interest.has(filter)) link.remove([...link.interest].indexOf(filter))
    else link.add(filter)
    link.workSource(16)
  }

  #beat(action: string): void {
    this.#beats += 1
    if (action === 'a heartbeat') return this.#link.heartbeat()
    this.#link.nowMs += 1_000
    this.#link.workSink(0)
  }

  #frame(action: string): void {
    const link = this.#link
    if (action === 'the first frame arrives') return this.#arrive(0)
    this.#faults += 1
    if (action === 'the first frame is lost') link.lose(0)
    else if (action === 'the first frame comes twice') link.double(0)
    else if (action === 'the second frame overtakes') this.#arrive(1)
    else link.ghost()
  }

  #arrive(at: number): void {
    const link = this.#link
    const sent = link.sent[at]
    const frame = sent?.to === 'sink' ? decodeRouteFrame(sent.bytes, cluster) : undefined
    if (frame !== undefined && frame.type !== 'malformed') this.#mutate(frame, at)
    if (link.sent[at] !== undefined) link.arrive(at)
  }

  #mutate(frame: RouteFrame, at: number): void {
    const link = this.#link
    const { mutation } = this.#scope
    const life = link.copy.claim?.life ?? 0
    if (!('claim' in frame) || frame.claim === undefined) return
    if (mutation === 'wipe_first' && frame.claim.life > life) {
      link.copy = new RouteCopy({ routesMax: 1_000, answerMs: 900, pullsMax: 3 }, [1, 2])
      link.told.clear()
    }
    if (mutation === 'ghost_believed' && frame.claim.life < life) {
      const bytes = encodeRouteFrame({ ...frame, claim: { ...frame.claim, life } })
      link.sent[at] = { to: 'sink', bytes }
    }
    if (mutation === 'no_digests' && frame.type === 'heartbeat') link.lose(at)
  }

  #restartSource(): void {
    this.#restarts += 1
    this.#lives += 1
    this.#formerHistory = this.#history
    this.#history = []
    this.#link.restartSource([1, 2])
    this.#link.workSource(16)
  }

  #restartSink(isWithRoutes: boolean): void {
    this.#restarts += 1
    this.#link.restartSink(isWithRoutes ? Number.POSITIVE_INFINITY : 0)
    if (!isWithRoutes) this.#isHeld = false
  }

  #look(): void {
    const { told } = this.#link
    const isWanted = [...told].some((filter) => matches(kept, filter))
    if (this.#isHeld && !isWanted) this.#broken ??= `${kept} was wanted throughout, and the sink gave it up`
    this.#isHeld ||= isWanted
  }

  broken(): string | undefined {
    const { told, copy } = this.#link
    const isSame = copy.size === told.size && [...told].every((filter) => copy.has(filter))
    return this.#broken ?? (isSame ? undefined : `the copy has ${copy.size} routes, and the broker knows ${told.size}`)
  }

  key(): string {
    const { sent, told, interest, isUp, copy } = this.#link
    const frames = sent.map(({ to, bytes }) => `${to} ${bytes.toString('latin1')}`)
    const counts = [this.#changes, this.#faults, this.#cuts, this.#restarts, this.#beats, this.#lives]
    const ends = [copy.claim, copy.seq, copy.state, copy.isBusy, [...told], [...interest], isUp, this.#isHeld]
    return JSON.stringify([frames, counts, ends, this.#history, this.#formerHistory, this.#future()])
  }

  /** What comes of it if nothing more happens: what neither end shows decides that. */
  #future(): string {
    const link = this.#link
    const before = link.sentBytes
    const asked: string[] = []
    const ask = (): void => {
      for (let reply = link.copy.reply(link.nowMs); reply !== undefined; reply = link.copy.reply(link.nowMs))
        asked.push(JSON.stringify(reply))
    }
    ask()
    // And what it would ask if it did not wait for answers.
    link.copy.connected([1, 2])
    ask()
    try {
      link.settle()
    } catch (error) {
      return String(error)
    }
    return `${asked.join()} ${link.sentBytes - before} ${[...link.told].join()}`
  }

  /** Frames arrive, and there is one heartbeat: then the sink has what the source wants. */
  settle(): string | undefined {
    const link = this.#link
    if (this.#scope.mutation === 'no_digests') this.#settleWithoutDigests()
    else link.settle()
    const [has, wants] = [[...link.told].toSorted().join(), link.routes.join()]
    this.#look()
    return this.#broken ?? (has === wants ? undefined : `the sink has ${has}, and the source wants ${wants}`)
  }

  #settleWithoutDigests(): void {
    const link = this.#link
    for (let left = 4; left > 0; left -= 1) link.flush()
    for (let left = 100; left > 0 && (link.sent.length > 0 || link.copy.isBusy); left -= 1)
      if (link.sent.length > 0) this.#arrive(0)
      else link.workSink(1)
  }
}

export function routes(scope: RoutesScope): System<RoutesWorld> {
  return {
    start: () => new RoutesWorld(scope),
    actions: (world) => world.actions(),
    perform: (world, action) => world.perform(action),
    broken: (world) => world.broken(),
    key: (world) => world.key(),
    settle: (world) => world.settle(),
  }
}
