/** Spans on their way to the collector: gathered, sent together, and given up where it is away. Nobody waits for it. */
import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Clock, Timer } from '../../broker/clock.ts'
import type { Logger } from '../../broker/logger.ts'

/** `dropped`: there were too many at once. `failed`: the collector did not take them. */
export type SpanCounts = { readonly exported: number; readonly dropped: number; readonly failed: number }

/** Sent together at most. */
const EXPORT_MAX = 512

export type SpanQueueTerms = { readonly max_queue_size: number; readonly scheduled_delay: number }

export class SpanQueue implements SpanProcessor {
  readonly #exporter: SpanExporter
  readonly #terms: SpanQueueTerms
  readonly #clock: Clock
  readonly #log: Logger
  readonly #counts = { exported: 0, dropped: 0, failed: 0 }
  #spans: ReadableSpan[] = []
  #timer: Timer | undefined
  #exporting: Promise<void> | undefined
  #isFailing = false

  constructor(exporter: SpanExporter, terms: SpanQueueTerms, clock: Clock, log: Logger) {
    this.#exporter = exporter
    this.#terms = terms
    this.#clock = clock
    this.#log = log
  }

  get counts(): SpanCounts {
    return this.#counts
  }

  /** A span that could not be made, for there would be too many. */
  drop(count: number): void {
    this.#counts.dropped += count
  }

  onStart(): void {
    // Only what has ended is sent.
  }

  onEnd(span: ReadableSpan): void {
    if (this.#spans.length >= this.#terms.max_queue_size) return this.drop(1)
    this.#spans.push(span)
    if (this.#exporting !== undefined) return
    if (this.#spans.length >= EXPORT_MAX) this.#begin()
    else this.#timer ??= this.#clock.after(this.#terms.scheduled_delay, () => this.#begin())
  }

  #begin(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#exporting ??= this.#exportAll()
  }

  /** One after the other, so that a collector that is slow has one at a time. */
  async #exportAll(): Promise<void> {
    while (this.#spans.length > 0) {
      const spans = this.#spans.splice(0, EXPORT_MAX)
      const problem = await this.#export(spans)
      this.#counts[problem === undefined ? 'exported' : 'failed'] += spans.length
      this.#tell(problem)
    }
    this.#exporting = undefined
  }

  /** What went wrong. The exporter has tried again by then. */
  #export(spans: ReadableSpan[]): Promise<Error | undefined> {
    return new Promise((resolve) => {
      try {
        this.#exporter.export(spans, ({ code, error }) => {
          // Of an enum of a package that is not ours to import: 0 is success.
          const failure: number = code
          resolve(failure === 0 ? undefined : (error ?? new Error('the exporter gave no reason')))
        })
      } catch (error) {
        resolve(error instanceof Error ? error : new Error('the exporter threw', { cause: error }))
      }
    })
  }

  #tell(problem: Error | undefined): void {
    const isFailing = problem !== undefined
    if (isFailing === this.#isFailing) return
    this.#isFailing = isFailing
    // The words of an answer, which an error may quote, are the collector's own.
    if (isFailing) this.#log.warn({ reason: problem.message.slice(0, 200) }, 'traces_export_failed')
    else this.#log.info({ failed: this.#counts.failed }, 'traces_export_recovered')
  }

  async forceFlush(): Promise<void> {
    this.#begin()
    await this.#exporting
  }

  async shutdown(): Promise<void> {
    await this.forceFlush()
    await this.#exporter.shutdown()
  }
}
