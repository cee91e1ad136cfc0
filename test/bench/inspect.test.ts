/** The benchmark of the debug socket runs, so that it cannot rot; its figures are for a quiet machine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bench } from '../../scripts/bench/bench.ts'
import { benchInspect } from '../../scripts/bench/inspect.ts'

function benchOf(cells: RegExp): { readonly bench: Bench; readonly lines: string[] } {
  const lines: string[] = []
  const bench: Bench = {
    rounds: 1,
    warmupMs: 0,
    durationMs: 0,
    topicCount: 1,
    connections: 1,
    filters: 1_000,
    dialect: 'auto' as const,
    results: undefined,
    host: [],
    check: false,
    profile: false,
    isWanted: (cell) => cells.test(cell),
    print: (text) => void lines.push(text),
    miss: () => {},
  }
  return { bench, lines }
}

test('a line for each method that is wanted', async () => {
  const { bench, lines } = benchOf(/^routes\.(match|list)$/)
  await benchInspect(bench)
  assert.match(lines[0] ?? '', /busy node with 1000 routes/)
  assert.match(lines[1] ?? '', /^ {2}routes\.match: [\d.]+, [\d.]+; [\d.]+$/)
  assert.match(lines[2] ?? '', /^ {2}routes\.list: [\d.]+, [\d.]+; [\d.]+$/)
  assert.equal(lines.length, 3)
})

test('nothing is measured, nor begun, that nobody wants', async () => {
  const { bench, lines } = benchOf(/^no such/)
  await benchInspect(bench)
  assert.equal(lines.length, 0)
})
