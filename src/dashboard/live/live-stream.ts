/**
 * What the node tells as it happens: one stream for all that the page shows. It comes back by itself after the node was away, and
 * says so meanwhile. Read by `fetch`, because an `EventSource` can't say who asks.
 */
import { effect, signal } from '@preact/signals'
import { ApiFault, apiUrl, authorization, faultOf } from '../api/request.ts'
import { session } from '../api/session.ts'
import { EventParser, type StreamEvent } from './event-parser.ts'

export type LiveTopic = 'links' | `links:${string}` | 'nodes' | 'alarms' | 'log' | 'actors'
type Listener = { readonly topic: LiveTopic; readonly event: string; readonly hear: (data: unknown) => void }

/** `away`: the node does not answer; it is asked again and again. */
export const liveState = signal<'idle' | 'connecting' | 'open' | 'away'>('idle')
/** What the node said when it was there and told nothing all the same. */
export const liveRefusal = signal('')
/** Counts up when the node is back: what was read before may be old. */
export const comebacks = signal(0)
/** Counts up whenever the stream is opened: what is told from then on is all that happens. */
export const openings = signal(0)

const INTERVAL_MS = 1_000
const RETRY_MS_MIN = 500
const RETRY_MS_MAX = 8_000
/** A node that has nothing new still says so: one that is silent for so long is gone, though its connection may not know. */
const SILENT_MS = 40_000

const listeners = new Set<Listener>()
let run: AbortController | undefined
let restarting = false
let retryMs = RETRY_MS_MIN

/**
 * Hears one kind of event of one topic from now on; the stream is opened anew if nobody wanted that topic before.
 *
 * @returns what ends it
 */
export function hearLive(topic: LiveTopic, event: string, hear: (data: unknown) => void): () => void {
  const before = topicsOf()
  const listener = { topic, event, hear }
  listeners.add(listener)
  if (topicsOf() !== before) restart()
  return () => {
    const before = topicsOf()
    listeners.delete(listener)
    if (topicsOf() !== before) restart()
  }
}

/** Follows who is logged in; call once. */
export function startLive(): void {
  let token: string | undefined
  effect(() => {
    if (session.value?.token === token) return
    token = session.value?.token
    restart()
  })
}

/** Asks at once rather than after the wait. */
export function retryLive(): void {
  retryMs = RETRY_MS_MIN
  restart()
}

function topicsOf(): string {
  return [...new Set([...listeners].map(({ topic }) => topic))].toSorted().join(',')
}

/** Once for all changes of one turn: a page that goes and one that comes are one change. */
function restart(): void {
  if (restarting) return
  restarting = true
  queueMicrotask(() => {
    restarting = false
    run?.abort()
    run = undefined
    const topics = topicsOf()
    if (topics === '' || session.value === undefined) {
      liveState.value = 'idle'
      return
    }
    run = new AbortController()
    void follow(topics, run.signal)
  })
}

async function follow(topics: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && session.value !== undefined) {
    if (liveState.value === 'idle') liveState.value = 'connecting'
    try {
      await readStream(topics, signal)
      liveRefusal.value = ''
    } catch (error) {
      // Whatever broke it, the answer is to try again.
      liveRefusal.value = error instanceof ApiFault && error.status < 502 ? error.message : ''
    }
    if (signal.aborted || session.value === undefined) return
    liveState.value = 'away'
    await waited(retryMs * (0.7 + 0.6 * Math.random()), signal)
    retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)
  }
}

async function readStream(topics: string, signal: AbortSignal): Promise<void> {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENT_MS)
  try {
    const url = apiUrl('live')
    url.search = new URLSearchParams({ topics, interval_ms: String(INTERVAL_MS) }).toString()
    const response = await fetch(url, {
      headers: { ...authorization(), accept: 'text/event-stream' },
      signal: AbortSignal.any([signal, silence.signal]),
    })
    if (!response.ok || response.body === null) throw await faultOf(response)
    opened()
    const parser = new EventParser()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENT_MS)
      for (const event of parser.push(value)) tell(event)
    }
  } finally {
    clearTimeout(timer)
  }
}

function opened(): void {
  retryMs = RETRY_MS_MIN
  liveRefusal.value = ''
  const wasAway = liveState.value === 'away'
  liveState.value = 'open'
  openings.value++
  if (wasAway) comebacks.value++
}

function tell({ event, data }: StreamEvent): void {
  const body: unknown = JSON.parse(data)
  for (const listener of listeners) if (listener.event === event) listener.hear(body)
}

/** Resolves early if there is nothing to wait for any more, or the browser is back in the network. */
function waited(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      removeEventListener('online', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    addEventListener('online', done)
    signal.addEventListener('abort', done, { once: true })
  })
}
