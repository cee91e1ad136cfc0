/**
 * Who answers for the registers: of one server, that one; of three, the leader that two of them have elected. One that is cut off from
 * the others takes writes that are made later or never, and tells what was true when it was cut off, until it notices.
 */
import type { SeededRandom } from '../random.ts'
import type { VirtualTime } from '../virtual-time.ts'
import { Bucket, type RegisterAnswer, type RegisterRequest } from './bucket.ts'

export type ReplicasPorts = {
  readonly time: VirtualTime
  readonly random: SeededRandom
  readonly latencyMs: () => number
  readonly serverCount: number
  /** Whether its process is there; a frozen one is, and reaches nobody. */
  readonly isUp: (server: number) => boolean
  /** Whether what one sends arrives at the other now. */
  readonly reaches: (server: number, other: number) => boolean
}

type Proposal = {
  readonly request: RegisterRequest
  readonly answer: (answer: RegisterAnswer) => void
  /** Whether another server than the leader has it. */
  isSpread: boolean
}

/** How long a server waits for its leader before it wants to be one (nats-server `raft.go`, `minElectionTimeout` and `max…`). */
const ELECTION_MS = { minMs: 4000, maxMs: 9000 }
/** How long a leader does not notice that it is alone (`lostQuorumInterval`). */
const LOST_QUORUM_MS = 10_000
/** 2026 began so many microseconds after 1970. */
const BEGINNING_US = Date.UTC(2026, 0, 1) * 1000

export class Replicas {
  readonly #ports: ReplicasPorts
  #bucket: Bucket | undefined
  #leader: number | undefined = 0
  /** Who led before, is cut off, and knows no better. */
  #deposed: { readonly server: number; readonly bucket: Bucket | undefined; untilMs: number } | undefined
  #lostMs: number | undefined
  #election: { cancel(): void } | undefined
  /** Not made yet: on their way to the other servers, or at a leader that reaches none. */
  #proposals: Proposal[] = []
  #lastCommitMs = 0
  #bucketsMade = 0

  constructor(ports: ReplicasPorts) {
    this.#ports = ports
  }

  /** As the leader has it. */
  get bucket(): Bucket | undefined {
    return this.#bucket
  }

  /** Whom a server asks that got a request; it may be wrong. `undefined` if nobody leads. */
  leaderFor(server: number): number | undefined {
    return this.#deposedAt(server) === undefined ? this.#leader : server
  }

  /** What a client of this server is told now; `undefined` if it has no answer, or if there is no bucket. */
  seenFrom(server: number): Bucket | undefined {
    const leader = this.leaderFor(server)
    if (leader === undefined || !this.#reaches(server, leader)) return undefined
    return this.#deposedAt(server) === undefined ? this.#bucket : this.#deposed?.bucket
  }

  /** All state is gone. */
  wipe(): void {
    this.#bucket = undefined
    this.#deposed = undefined
    this.#proposals = []
  }

  /** One of three has to be elected again, however soon it is back. */
  serverEnded(server: number): void {
    if (this.#ports.serverCount > 1 && this.#leader === server) this.#leader = undefined
    this.reconsider()
  }

  /** A request that has reached a server which is the leader, or thinks so. There may be no answer. */
  ask(server: number, request: RegisterRequest, answer: (answer: RegisterAnswer) => void): void {
    const deposed = this.#deposedAt(server)
    if (deposed === undefined && server !== this.#leader) return
    const isRead = request.type === 'last' || request.type === 'next'
    if (isRead) answer(this.#perform(deposed === undefined ? this.#bucket : deposed.bucket, request))
    else if (deposed === undefined) this.#propose({ request, answer, isSpread: false })
  }

  /** After any change of who reaches whom. */
  reconsider(): void {
    const { time, random, isUp, latencyMs } = this.#ports
    const majority = this.#majority()
    if (this.#deposed !== undefined && (majority?.includes(this.#deposed.server) || !isUp(this.#deposed.server)))
      this.#deposed.untilMs = time.nowMs + latencyMs()
    if (this.#leader !== undefined && majority?.includes(this.#leader)) return this.#resume()
    this.#lostMs ??= time.nowMs
    for (const proposal of this.#proposals) proposal.isSpread ||= random.chance(0.5)
    if (majority === undefined) this.#stopElection()
    else this.#election ??= time.after(random.between(ELECTION_MS.minMs, ELECTION_MS.maxMs), () => this.#elect())
  }

  #resume(): void {
    this.#stopElection()
    this.#lostMs = undefined
    this.#commitLater()
  }

  #stopElection(): void {
    this.#election?.cancel()
    this.#election = undefined
  }

  #elect(): void {
    const { time, random, isUp } = this.#ports
    this.#election = undefined
    const majority = this.#majority()
    if (majority === undefined) return
    const old = this.#leader
    const isOldThere = old !== undefined && majority.includes(old)
    if (old !== undefined && !isOldThere && isUp(old))
      this.#deposed = {
        server: old,
        bucket: this.#bucket?.copy(),
        untilMs: (this.#lostMs ?? time.nowMs) + LOST_QUORUM_MS,
      }
    // What only the old leader has is made if it is elected again, else never.
    this.#leader = random.pick(majority)
    this.#lostMs = undefined
    this.#proposals = this.#proposals.filter(({ isSpread }) => isSpread || this.#leader === old)
    this.#commitLater()
  }

  #propose(proposal: Proposal): void {
    this.#proposals.push(proposal)
    if (this.#hasQuorum) this.#commitLater()
  }

  /** In the order in which they were proposed. */
  #commitLater(): void {
    const { time, latencyMs, serverCount } = this.#ports
    if (this.#proposals.length === 0) return
    const roundTripMs = serverCount === 1 ? 0 : latencyMs() + latencyMs()
    this.#lastCommitMs = Math.max(this.#lastCommitMs, time.nowMs + roundTripMs)
    time.after(this.#lastCommitMs - time.nowMs, () => {
      if (!this.#hasQuorum) return
      const { isUp } = this.#ports
      const leader = this.#leader
      for (const { request, answer } of this.#proposals.splice(0)) {
        const done = this.#perform(this.#bucket, request)
        // Who asked a leader that is no more is not told.
        if (leader !== undefined && isUp(leader)) answer(done)
      }
    })
  }

  get #hasQuorum(): boolean {
    return this.#leader !== undefined && this.#majority()?.includes(this.#leader) === true
  }

  #perform(bucket: Bucket | undefined, request: RegisterRequest): RegisterAnswer {
    const { nowMs } = this.#ports.time
    if (request.type === 'ensure') {
      this.#bucket ??= new Bucket(BEGINNING_US + Math.floor(nowMs * 1000) + (this.#bucketsMade += 1))
      return { type: 'ensured' }
    }
    if (bucket === undefined) return { type: 'no_bucket' }
    if (request.type === 'last') return { type: 'last', register: bucket.last(request.key, nowMs) }
    if (request.type === 'next') return { type: 'next', created: bucket.created, ...bucket.next(request.sequence) }
    return { type: 'put', result: bucket.put(request.key, request.value, request.revision, nowMs) }
  }

  #deposedAt(server: number): { readonly bucket: Bucket | undefined } | undefined {
    const deposed = this.#deposed
    return deposed?.server === server && this.#ports.time.nowMs <= deposed.untilMs ? deposed : undefined
  }

  /** More than half of the servers, all of which reach each other. */
  #majority(): readonly number[] | undefined {
    const { serverCount } = this.#ports
    const servers = Array.from({ length: serverCount }, (_, server) => server)
    for (const server of servers) {
      const group = servers.filter((other) => this.#reaches(server, other) && this.#reaches(other, server))
      if (group.length > serverCount / 2) return group
    }
    return undefined
  }

  #reaches(server: number, other: number): boolean {
    const { isUp, reaches } = this.#ports
    return isUp(server) && isUp(other) && (server === other || reaches(server, other))
  }
}
