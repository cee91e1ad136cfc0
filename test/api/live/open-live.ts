/** A reader of `GET /live`. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'

export type LiveEvent = { readonly event: string; readonly data: unknown }
export type LiveReader = {
  readonly headers: Headers
  /** The next event of this name, or of any. Rejects if the stream ends before. */
  next(event?: string): Promise<LiveEvent>
  /** When the stream has ended, from whichever side. */
  readonly ended: Promise<void>
  close(): void
}

/** @param url of the API, without a path */
export async function openLive(
  t: TestContext,
  url: string,
  authorization: string,
  topics: string,
): Promise<LiveReader> {
  const abort = new AbortController()
  t.after(() => abort.abort())
  const response = await fetch(`${url}/api/v5/live?topics=${topics}`, {
    headers: { authorization },
    signal: abort.signal,
  })
  assert.equal(response.status, 200)
  const events: LiveEvent[] = []
  let wake: (() => void) | undefined
  let isOver = false
  const follow = async (): Promise<void> => {
    await read(response, events, () => wake?.())
    isOver = true
    wake?.()
  }
  const ended = follow()
  return {
    headers: response.headers,
    ended,
    close: () => abort.abort(),
    next: async (wanted) => {
      for (;;) {
        for (let event = events.shift(); event !== undefined; event = events.shift())
          if (wanted === undefined || event.event === wanted) return event
        if (isOver) throw new Error(`the stream ended without ${wanted ?? 'another event'}`)
        await new Promise<void>((resolve) => (wake = resolve))
      }
    },
  }
}

async function read(response: Response, events: LiveEvent[], came: () => void): Promise<void> {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const piece of response.body ?? []) {
      text += decoder.decode(piece, { stream: true })
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
        text = text.slice(end + 2)
        if (event === undefined || data === undefined) continue
        events.push({ event, data: JSON.parse(data) })
        came()
      }
    }
  } catch (error) {
    // Whoever closed it knows.
    if (!(error instanceof Error)) throw error
  }
}
