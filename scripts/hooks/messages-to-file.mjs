/**
 * Hooks that write what is published to a file, a line of JSON each. To use it: copy it, and name the copy in the configuration:
 * `hooks = ["./messages-to-file.mjs"]`. ISTHMUS_MESSAGES_FILE says which file; `messages.jsonl` if it does not.
 *
 * Lines are gathered and written together. While the disk takes nothing they wait, up to so many bytes, and it is tried again after a
 * while, less and less often; beyond that the oldest go, and how many did is written down once the disk is back.
 */
import { open } from 'node:fs/promises'

const FILE = process.env.ISTHMUS_MESSAGES_FILE ?? 'messages.jsonl'
const WAITING_BYTES_MAX = 16 * 1024 * 1024
const GATHER_MS = 100
const RETRY_MS_MIN = 500
const RETRY_MS_MAX = 30_000

export class LineFile {
  #file
  #lines = []
  #bytes = 0
  #lost = 0
  #timer
  #writing
  #retryMs = RETRY_MS_MIN

  constructor(file) {
    this.#file = file
  }

  get waiting() {
    return this.#lines.length
  }

  add(value) {
    const line = `${JSON.stringify(value)}\n`
    this.#lines.push(line)
    this.#bytes += line.length
    this.#trim()
    this.#later(GATHER_MS)
  }

  #trim() {
    while (this.#bytes > WAITING_BYTES_MAX) {
      this.#bytes -= this.#lines.shift().length
      this.#lost++
    }
  }

  #later(ms) {
    if (this.#timer !== undefined || this.#writing !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.flush()
    }, ms)
    // What is gathered must not keep a process alive that has nothing else to do: `close` writes it.
    this.#timer.unref()
  }

  /** Writes what waits. Resolves when it is written, or when the disk did not take it. */
  async flush() {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#writing
    if (this.#lines.length === 0) return
    this.#writing = this.#write()
    const isWritten = await this.#writing
    this.#writing = undefined
    if (isWritten) this.#retryMs = RETRY_MS_MIN
    else {
      this.#later(this.#retryMs)
      this.#retryMs = Math.min(2 * this.#retryMs, RETRY_MS_MAX)
    }
    if (this.#lines.length > 0) this.#later(GATHER_MS)
  }

  async #write() {
    const [lines, lost] = [this.#lines, this.#lost]
    const text = (lost > 0 ? `${JSON.stringify({ lost })}\n` : '') + lines.join('')
    this.#lines = []
    this.#bytes = 0
    this.#lost = 0
    let file
    let size
    try {
      file = await open(this.#file, 'a')
      size = (await file.stat()).size
      await file.appendFile(text)
      return true
    } catch {
      // A disk that is full may have taken half of it, which would come again.
      if (size !== undefined) await file.truncate(size).catch(() => undefined)
      this.#lines = [...lines, ...this.#lines]
      this.#bytes = this.#lines.reduce((sum, line) => sum + line.length, 0)
      this.#lost += lost
      this.#trim()
      return false
    } finally {
      await file?.close().catch(() => undefined)
    }
  }
}

const lines = new LineFile(FILE)

export default {
  'message.publish'({ topic, payload, qos, retain, from, timestampMs }) {
    lines.add({
      at: new Date(timestampMs).toISOString(),
      topic,
      from,
      qos,
      retain,
      payload: payload.toString('base64'),
    })
  },
  close: () => lines.flush(),
}
