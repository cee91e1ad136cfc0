/**
 * What every member of a cluster can be asked by the one that answers for all: so any node answers the API for the whole cluster. A
 * member that is silent is named in the answer, not waited for.
 */
import type * as z from 'zod'

/** The other nodes, if there are any. */
export interface Members {
  readonly self: string
  /** Names of the others that are there as far as is known. */
  others(): readonly string[]
  /** Rejects in words for people if no answer comes in time, or the other refused. */
  ask(node: string, kind: string, body: unknown, timeoutMs: number): Promise<unknown>
  /** Answers what others ask from now on. */
  serve(kind: string, answer: (body: unknown) => Promise<unknown>): void
}

/** One thing that a node can be asked: its name and the shape of what it takes. What it gives is of type `Result`. */
export type Call<Params, Result> = {
  readonly name: string
  readonly params: z.ZodType<Params>
  /** Never there: what the answers are, for the type checker. */
  readonly result?: Result
}

export type NodeAnswer<Result> =
  | { readonly node: string; readonly type: 'ok'; readonly result: Result }
  | { readonly node: string; readonly type: 'failed'; readonly reason: string }

/** After how long a member is silent, milliseconds. */
export const MEMBER_WAIT_MS = 2_000

const KIND = 'api.call'

export class MemberCalls {
  readonly #members: Members
  readonly #answers = new Map<string, (params: unknown) => Promise<unknown>>()

  constructor(members: Members) {
    this.#members = members
    members.serve(KIND, (body) => this.#answer(body))
  }

  /** This node. */
  get self(): string {
    return this.#members.self
  }

  /** This node first, then the others by name. */
  get nodes(): readonly string[] {
    return [this.self, ...this.#members.others().toSorted()]
  }

  /** How this node answers; all nodes of one version answer the same calls. */
  serve<Params, Result>(
    { name, params: shape }: Call<Params, Result>,
    answer: (params: Params) => Result | Promise<Result>,
  ): void {
    this.#answers.set(name, async (params) => answer(shape.parse(params)))
  }

  /** Asks all nodes at once; resolves in at most `MEMBER_WAIT_MS`. */
  gather<Params, Result>(
    call: Call<Params, Result>,
    params: Params,
    timeoutMs = MEMBER_WAIT_MS,
  ): Promise<readonly NodeAnswer<Result>[]> {
    return Promise.all(this.nodes.map((node) => this.at(node, call, params, timeoutMs)))
  }

  /** Asks one node, this one or another. Never rejects. */
  async at<Params, Result>(
    node: string,
    { name }: Call<Params, Result>,
    params: Params,
    timeoutMs = MEMBER_WAIT_MS,
  ): Promise<NodeAnswer<Result>> {
    try {
      const body = { name, params }
      const answered = node === this.self ? this.#answer(body) : this.#members.ask(node, KIND, body, timeoutMs)
      // Both sides are of one version, or say that they don't know the call.
      return { node, type: 'ok', result: (await answered) as Result }
    } catch (error) {
      return { node, type: 'failed', reason: error instanceof Error ? error.message : String(error) }
    }
  }

  async #answer(body: unknown): Promise<unknown> {
    if (typeof body !== 'object' || body === null || !('name' in body) || typeof body.name !== 'string')
      throw new TypeError('this is no call of the API')
    const answer = this.#answers.get(body.name)
    if (answer === undefined) throw new TypeError(`${this.self} knows no call ${body.name}: it runs another version`)
    return answer('params' in body ? body.params : undefined)
  }
}
