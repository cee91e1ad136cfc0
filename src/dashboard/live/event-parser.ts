/** Reads `text/event-stream` as it comes, in whatever pieces. Source: WHATWG HTML, 9.2.6. */

export type StreamEvent = { readonly event: string; readonly data: string }

export class EventParser {
  #rest = ''
  #event = ''
  #data: string[] = []

  /** @returns the events that are complete with this piece */
  push(piece: string): StreamEvent[] {
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.#line(line))
  }

  #line(line: string): StreamEvent[] {
    if (line === '') return this.#end()
    // A line that begins with a colon is a comment: it keeps the connection alive.
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.#event = value
    if (field === 'data') this.#data.push(value)
    return []
  }

  #end(): StreamEvent[] {
    const event = { event: this.#event || 'message', data: this.#data.join('\n') }
    const isEmpty = this.#data.length === 0
    this.#event = ''
    this.#data = []
    return isEmpty ? [] : [event]
  }
}
