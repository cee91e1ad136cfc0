/** The hooks that see a message before anybody gets it, one after the other: each sees what the one before made of it. */
import { Publication } from '../../packets/publication.ts'
import { changedPublication } from './changed-message.ts'
import { type HookCall, isPromiseLike, wordsOf } from './hook-call.ts'

/** `undefined`: it is dropped. The same object: nothing changed. */
export type Hooked = Publication | undefined

const PROMISE_FOR_LINK = 'returned a promise for a message of a link, which does not wait'

export class PublishHooks {
  /** Whether one of them also sees messages of links. */
  readonly isLinked: boolean
  readonly #calls: readonly HookCall[]
  readonly #bytesMax: () => number

  /** @param bytesMax of a packet that a hook makes */
  constructor(calls: readonly HookCall[], bytesMax: () => number) {
    this.#calls = calls
    this.#bytesMax = bytesMax
    this.isLinked = calls.some(({ linked }) => linked)
  }

  /** What is to be published instead of a message of a client, or of a will. A promise, which never rejects, if a hook gives one. */
  run(publication: Publication): Hooked | Promise<Hooked> {
    return this.#run(publication, 0)
  }

  #run(publication: Publication, from: number): Hooked | Promise<Hooked> {
    let current: Publication = publication
    for (let i = from; i < this.#calls.length; i++) {
      const call = this.#calls[i]!
      const result = call.run([current.toMessage()])
      if (isPromiseLike(result)) return this.#wait(current, result, i)
      const next = this.#judge(call, current, result)
      if (next === undefined) return undefined
      current = next
    }
    return current
  }

  async #wait(current: Publication, result: PromiseLike<unknown>, index: number): Promise<Hooked> {
    const call = this.#calls[index]!
    const next = this.#judge(call, current, await call.settle(result))
    return next === undefined ? undefined : this.#run(next, index + 1)
  }

  /** The same for a message of a link, which does not wait: its peer is told how much of a batch was taken. */
  runLinked(publication: Publication): Hooked {
    let current: Publication = publication
    for (const call of this.#calls) {
      if (!call.linked) continue
      const result = call.run([current.toMessage()])
      if (isPromiseLike(result)) {
        call.fail(PROMISE_FOR_LINK)
        void call.settle(result)
        continue
      }
      const next = this.#judge(call, current, result)
      if (next === undefined) return undefined
      current = next
    }
    return current
  }

  /** A verdict that is none leaves the message as it is: a hook that is broken stops nobody from publishing. */
  #judge(call: HookCall, current: Publication, verdict: unknown): Hooked {
    if (verdict === false) return undefined
    if (verdict === undefined || verdict === null || verdict === true) return current
    if (typeof verdict !== 'object') {
      call.fail(`returned a ${typeof verdict}, which is no verdict`)
      return current
    }
    const changed = this.#change(current, verdict)
    if (changed instanceof Publication) return changed
    call.fail(`returned a message that can't be: ${changed}`)
    return current
  }

  #change(current: Publication, verdict: object): Publication | string {
    try {
      return changedPublication(current, verdict, this.#bytesMax())
    } catch (error) {
      // What is in it is looked at, and that may be a function of the hook's.
      return wordsOf(error)
    }
  }
}
