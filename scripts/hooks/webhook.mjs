/**
 * Hooks that post what is published, and who comes and goes, to a server: JSON lists of events. To use it: copy it, and name the copy in
 * the configuration: `hooks = ["./webhook.mjs"]`. ISTHMUS_WEBHOOK_URL says where to, ISTHMUS_WEBHOOK_TOKEN what to authorize with, if anything.
 *
 * The broker never waits for it. Events are posted one list after the other, so that they stay in order; what comes meanwhile waits, and
 * beyond so many the oldest go: the next list says how many. A list that the server does not take is sent again after a while, less and
 * less often, and given up after some attempts, or at once if the server says that it is no good (4xx but 408 and 429).
 */
const URL_TO_CALL = process.env.ISTHMUS_WEBHOOK_URL ?? 'http://127.0.0.1:8080/'
const TOKEN = process.env.ISTHMUS_WEBHOOK_TOKEN
const WAITING_MAX = 10_000
const LIST_MAX = 100
const ATTEMPTS_MAX = 6
const TIMEOUT_MS = 5_000
const RETRY_MS_MIN = 200

export class Webhook {
  #url
  #headers
  #events = []
  #lost = 0
  #posting

  constructor(url, token) {
    this.#url = url
    this.#headers = {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    }
  }

  add(event) {
    this.#events.push(event)
    if (this.#events.length > WAITING_MAX) {
      this.#events.shift()
      this.#lost++
    }
    this.#posting ??= this.#postAll()
  }

  /** Resolves when nothing waits any more. */
  async drained() {
    await this.#posting
  }

  async #postAll() {
    // What else comes in this turn goes along.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#events.length > 0) {
      const [events, lost] = [this.#events.splice(0, LIST_MAX), this.#lost]
      this.#lost = 0
      if (!(await this.#post(JSON.stringify({ events, lost })))) this.#lost += lost + events.length
    }
    this.#posting = undefined
  }

  async #post(body) {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const verdict = await this.#try(body)
      if (verdict !== 'again') return verdict === 'taken'
      if (attempt === ATTEMPTS_MAX) break
      // Not all at once, should there be many nodes.
      const ms = RETRY_MS_MIN * 2 ** attempt * (0.5 + Math.random() / 2)
      await new Promise((resolve) => setTimeout(resolve, ms).unref())
    }
    return false
  }

  async #try(body) {
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const response = await fetch(this.#url, { method: 'POST', headers: this.#headers, body, signal })
      await response.arrayBuffer()
      if (response.ok) return 'taken'
      const { status } = response
      return status >= 400 && status < 500 && status !== 408 && status !== 429 ? 'refused' : 'again'
    } catch {
      return 'again'
    }
  }
}

const webhook = new Webhook(URL_TO_CALL, TOKEN)

export default {
  'client.connected': ({ clientId, username }) => webhook.add({ event: 'client.connected', clientId, username }),
  'client.disconnected': ({ clientId }, reasonCode) =>
    webhook.add({ event: 'client.disconnected', clientId, reasonCode }),
  'message.publish'({ topic, payload, qos, retain, from, timestampMs }) {
    const at = new Date(timestampMs).toISOString()
    webhook.add({ event: 'message.publish', at, topic, from, qos, retain, payload: payload.toString('base64') })
  },
  close: () => webhook.drained(),
}
