/**
 * Loaded into a node before everything else (`node --expose-gc --import`): collects garbage when it gets SIGPWR, and says in a line of the
 * log, `bench_memory`, how much the process holds then, bytes.
 */
import { setImmediate as turn } from 'node:timers/promises'

process.on('SIGPWR', () => void collect())

async function collect(): Promise<void> {
  // What finalizers let go of in the first one goes in the second.
  globalThis.gc?.()
  await turn()
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.stdout.write(`${JSON.stringify({ msg: 'bench_memory', rss, kept: heapUsed + external })}\n`)
}
