/** Figures of one part: printed as they come, and in the end written as a table and a drawing. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from '../bench.ts'
import { type Figure, lineOf, missOf } from './figures.ts'
import { plotOf } from './plot.ts'
import { tableOf } from './table.ts'

export class Results {
  readonly #bench: Bench
  readonly #name: string
  readonly #figures: Figure[] = []

  /** @param name of the files, without their endings */
  constructor(bench: Bench, name: string) {
    this.#bench = bench
    this.#name = name
  }

  readonly take = (figure: Figure): void => {
    this.#figures.push(figure)
    this.#bench.print(lineOf(figure))
    const miss = missOf(figure)
    if (miss !== undefined) this.#bench.miss(miss)
  }

  /** Nothing if a part of the cells was asked for only: that would be no table of the whole. */
  write(title: string, notes: readonly string[]): void {
    const { results } = this.#bench
    if (results === undefined || this.#figures.length === 0) return
    mkdirSync(results, { recursive: true })
    const file = join(results, this.#name)
    writeFileSync(`${file}.md`, tableOf(title, notes, this.#figures))
    writeFileSync(`${file}.svg`, plotOf(title, this.#figures))
    this.#bench.print(`written: ${file}.md, ${file}.svg`)
  }
}
