/** A world whose time passes by itself, for tests that wait as they would for a real one. */
import type { TestContext } from 'node:test'
import { VirtualTime } from '../virtual-time.ts'

const STEP_MS = 2
/** Of its own time; nothing that a test waits for takes as long. */
const WAIT_MS_MAX = 60_000

export class RunningWorld {
  readonly time = new VirtualTime()
  readonly #closings: (() => Promise<void>)[] = []

  /** Time passes until the test is over. */
  constructor(t: TestContext) {
    const run = { isOver: false }
    const pass = async (): Promise<void> => {
      while (!run.isOver) await this.time.runUntil(this.time.nowMs + STEP_MS)
    }
    const passed = pass()
    t.after(async () => {
      await Promise.all(this.#closings.map((close) => close()))
      run.isOver = true
      await passed
    })
  }

  /** To be done when the test is over, and takes time. */
  atEnd(close: () => Promise<void>): void {
    this.#closings.push(close)
  }

  async until(isTrue: () => boolean, what: string): Promise<void> {
    const endMs = this.time.nowMs + WAIT_MS_MAX
    while (!isTrue()) {
      if (this.time.nowMs > endMs) throw new Error(`never came: ${what}`)
      await new Promise((resolve) => void setImmediate(resolve))
    }
  }

  async pass(ms: number): Promise<void> {
    const endMs = this.time.nowMs + ms
    await this.until(() => this.time.nowMs >= endMs, `${ms} ms`)
  }
}
