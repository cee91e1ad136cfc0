/**
 * Questions between the nodes of a cluster, each with one answer or none. The bus may lose either, so that every question has a
 * deadline; it is served once at most, and who asked can't know whether it was when no answer comes.
 */
import { Packr } from 'msgpackr'
import type { ClusterClock } from './cluster-clock.ts'
import { ClusterError } from './cluster-error.ts'
import type { ClusterLog } from './cluster-log.ts'
import type { Coordination, Sender } from './coordination.ts'
import {
  type Answer,
  type Frame,
  FRAME_OVERHEAD_BYTES,
  decodeFrame,
  encodeFrame,
  type Question,
} from './request-frame.ts'

export type RequestsOptions = {
  readonly coordination: Coordination
  readonly clock: ClusterClock
  readonly log: ClusterLog
}

/** Answers one kind of question. What it rejects with is told to who asked, in the words of its message. */
export type Serve = (from: Sender, body: unknown) => Promise<unknown>

/** A body longer than this is not sent, and not taken. */
export const BODY_BYTES_MAX = 128 * 1024 * 1024
/** Questions that may wait for an answer at once, and those that may be served. */
const ASKED_MAX = 1024
const SERVED_MAX = 256
/** Bodies that may be on their way from one node at once, and how long one may take, milliseconds. */
const ARRIVING_MAX = 16
const ARRIVING_MS_MAX = 30_000
/** Nodes whose last question is remembered. */
const ASKERS_MAX = 1024
/** Parts of one body that are given to the bus in one turn of the event loop. */
const PARTS_PER_TURN = 4
const WORDS_MAX = 1000

type Asked = {
  readonly node: string
  readonly kind: string
  readonly parts: Uint8Array[]
  /** The process that answers, once its first part has come. */
  boot: string | undefined
  readonly resolve: (body: unknown) => void
  readonly reject: (error: ClusterError) => void
  readonly timer: { cancel(): void }
}

/** A node that asks. */
type Asker = {
  readonly boot: string
  /** Number of its last question: the bus keeps their order, so that any up to this one has been here before. */
  last: number
  readonly arriving: Map<number, { readonly parts: Uint8Array[]; readonly sinceMs: number }>
}

export class Requests {
  readonly #options: RequestsOptions
  readonly #packr = new Packr({ useRecords: false })
  readonly #partBytes: number
  readonly #serves = new Map<string, Serve>()
  readonly #asked = new Map<number, Asked>()
  readonly #askers = new Map<string, Asker>()
  readonly #stopListening: () => void
  #served = 0
  #last = 0
  #isStopped = false

  constructor(options: RequestsOptions) {
    this.#options = options
    const { bus } = options.coordination
    this.#partBytes = bus.payloadBytesMax - FRAME_OVERHEAD_BYTES
    this.#stopListening = bus.listen('requests', (from, payload) => this.#receive(from, payload))
  }

  /** Answers this kind of question from now on. Returns how to stop it. */
  serve(kind: string, serve: Serve): () => void {
    this.#serves.set(kind, serve)
    return () => {
      if (this.#serves.get(kind) === serve) this.#serves.delete(kind)
    }
  }

  /**
   * Asks another node. Bodies are what MessagePack can say; bytes come as `Buffer`. Rejects with `ClusterError`: `MEMBER_SILENT` if no
   * answer came within so many milliseconds, or none can come; `MEMBER_REFUSED` with the words of the other node.
   */
  ask(node: string, kind: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const { clock, coordination } = this.#options
    if (this.#isStopped) return Promise.reject(silent(node, kind, 'this node is leaving the cluster'))
    if (!coordination.isConnected) return Promise.reject(silent(node, kind, 'this node is not connected to the others'))
    if (this.#asked.size >= ASKED_MAX)
      return Promise.reject(silent(node, kind, `${ASKED_MAX} questions wait for an answer already`))
    const bytes = this.#packr.pack(body)
    if (bytes.length > BODY_BYTES_MAX)
      return Promise.reject(
        new RangeError(`a question of ${bytes.length} bytes, at most ${BODY_BYTES_MAX} may be asked`),
      )
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () => this.#fail(id, `no answer within ${timeoutMs} ms`))
      this.#asked.set(id, { node, kind, parts: [], boot: undefined, resolve, reject, timer })
      this.#send(node, { type: 'question', id, kind }, bytes, () => this.#asked.has(id))
    })
  }

  /** The node is gone: what it was asked is not going to be answered. */
  memberGone(node: string): void {
    this.#askers.delete(node)
    for (const [id, asked] of this.#asked) if (asked.node === node) this.#fail(id, 'it is gone')
  }

  stop(): void {
    this.#isStopped = true
    this.#stopListening()
    for (const id of this.#asked.keys()) this.#fail(id, 'this node is leaving the cluster')
    this.#serves.clear()
    this.#askers.clear()
  }

  #fail(id: number, why: string): void {
    const asked = this.#take(id)
    asked?.reject(silent(asked.node, asked.kind, why))
  }

  #take(id: number): Asked | undefined {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    asked?.timer.cancel()
    return asked
  }

  // ---- what comes

  #receive(from: Sender, payload: Uint8Array): void {
    const { log } = this.#options
    const frame = decodeFrame(this.#packr, payload)
    if (frame === undefined) log.warn({ member: from.node, bytes: payload.length }, 'request_malformed')
    else if (frame.type === 'question') this.#questionPart(from, frame)
    else this.#answerPart(from, frame)
  }

  #questionPart(from: Sender, frame: Frame & Question): void {
    const asker = this.#askerOf(from)
    const { id, kind } = frame
    const parts = frame.part === 0 ? this.#begin(asker, id) : asker.arriving.get(id)?.parts
    if (parts === undefined) return
    if (!isNext(parts, frame)) return void asker.arriving.delete(id)
    parts.push(frame.bytes)
    if (!frame.isLast) return
    asker.arriving.delete(id)
    void this.#answer(from, id, kind, parts)
  }

  #begin(asker: Asker, id: number): Uint8Array[] | undefined {
    if (id <= asker.last) return undefined
    asker.last = id
    const { arriving } = asker
    const nowMs = this.#options.clock.steadyMs()
    for (const [other, { sinceMs }] of arriving) if (nowMs - sinceMs > ARRIVING_MS_MAX) arriving.delete(other)
    if (arriving.size >= ARRIVING_MAX) return undefined
    const parts: Uint8Array[] = []
    arriving.set(id, { parts, sinceMs: nowMs })
    return parts
  }

  #askerOf({ node, boot }: Sender): Asker {
    const known = this.#askers.get(node)
    if (known?.boot === boot) return known
    const asker = { boot, last: 0, arriving: new Map() }
    this.#askers.delete(node)
    if (this.#askers.size >= ASKERS_MAX)
      for (const oldest of this.#askers.keys()) {
        this.#askers.delete(oldest)
        break
      }
    this.#askers.set(node, asker)
    return asker
  }

  async #answer(from: Sender, id: number, kind: string, parts: readonly Uint8Array[]): Promise<void> {
    const answer = (isError: boolean, body: unknown): void => {
      const bytes = this.#packr.pack(body)
      if (bytes.length > BODY_BYTES_MAX) return answer(true, `an answer of ${bytes.length} bytes is too long`)
      this.#send(from.node, { type: 'answer', id, asker: from.boot, isError }, bytes, () => !this.#isStopped)
    }
    if (this.#served >= SERVED_MAX) return answer(true, `${SERVED_MAX} questions are being answered already`)
    this.#served++
    try {
      const serve = this.#serves.get(kind)
      if (serve === undefined) return answer(true, `nobody here answers ${kind}`)
      answer(false, await serve(from, this.#packr.unpack(Buffer.concat(parts))))
    } catch (error) {
      this.#options.log.warn({ member: from.node, kind, err: error }, 'request_failed')
      answer(true, error instanceof Error ? error.message.slice(0, WORDS_MAX) : 'something went wrong')
    } finally {
      this.#served--
    }
  }

  /** Answers that nobody waits for any more are passed over: they came too late. */
  #answerPart(from: Sender, frame: Frame & Answer): void {
    const { id } = frame
    const asked = this.#asked.get(id)
    if (asked === undefined || asked.node !== from.node || frame.asker !== this.#options.coordination.self.boot) return
    if (asked.boot !== undefined && asked.boot !== from.boot) return
    if (!isNext(asked.parts, frame)) return
    asked.boot = from.boot
    asked.parts.push(frame.bytes)
    if (!frame.isLast) return
    this.#take(id)
    let body: unknown
    try {
      body = this.#packr.unpack(Buffer.concat(asked.parts))
    } catch (error) {
      this.#options.log.warn({ member: from.node, kind: asked.kind, err: error }, 'request_malformed')
      return asked.reject(silent(asked.node, asked.kind, 'its answer is malformed'))
    }
    if (frame.isError) asked.reject(new ClusterError('MEMBER_REFUSED', `${asked.node}: ${String(body)}`))
    else asked.resolve(body)
  }

  // ---- what goes

  /** The first part goes at once, so that questions go in the order of their numbers; a long body takes its turns. */
  #send(node: string, head: Question | Answer, body: Uint8Array, isWanted: () => boolean, from = 0): void {
    const { bus } = this.#options.coordination
    const count = Math.max(1, Math.ceil(body.length / this.#partBytes))
    const until = Math.min(count, from + PARTS_PER_TURN)
    for (let part = from; part < until; part++) {
      const bytes = body.subarray(part * this.#partBytes, (part + 1) * this.#partBytes)
      bus.send(node, 'requests', encodeFrame(this.#packr, { ...head, part, isLast: part === count - 1, bytes }))
    }
    if (until === count) return
    this.#options.clock.after(0, () => {
      if (isWanted()) this.#send(node, head, body, isWanted, until)
    })
  }
}

/** The bus keeps the order, so that a gap means that a part was lost, and the whole with it. */
function isNext(parts: readonly Uint8Array[], { part, bytes }: Frame): boolean {
  // All but the last have one length.
  return part === parts.length && Math.max(1, parts[0]?.length ?? 0) * part + bytes.length <= BODY_BYTES_MAX
}

function silent(node: string, kind: string, why: string): ClusterError {
  return new ClusterError('MEMBER_SILENT', `${node} was asked for ${kind}: ${why}`)
}
