/**
 * Loaded into a node before everything else (`node --import`): notes how long its longest turns of the event loop take, and says so
 * in a line of the log, `bench_turns`, when it gets SIGUSR2; then it begins anew. Linux alone says how long a thread ran.
 *
 * `cpuMs` is the processor time of the main thread between two looks, which are made once in a turn, or a millisecond: what else the
 * machine had to do meanwhile is not in it. `wallMs` is the same by the clock.
 */
import { openSync, readSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

const LOOK_EVERY_MS = 1
const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
const text = Buffer.alloc(128)

/** Of this thread since it began. The first field is nanoseconds on a processor. */
function threadCpuMs(): number {
  const length = readSync(file, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ', 1)[0]) / 1e6
}

let longest = { cpuMs: 0, wallMs: 0 }
let cpuMs = threadCpuMs()
let wallMs = performance.now()

const timer = setInterval(() => {
  const [nowCpuMs, nowWallMs] = [threadCpuMs(), performance.now()]
  longest = {
    cpuMs: Math.max(longest.cpuMs, nowCpuMs - cpuMs),
    wallMs: Math.max(longest.wallMs, nowWallMs - wallMs),
  }
  cpuMs = nowCpuMs
  wallMs = nowWallMs
}, LOOK_EVERY_MS)
timer.unref()

process.on('SIGUSR2', () => {
  process.stdout.write(`${JSON.stringify({ msg: 'bench_turns', ...longest })}\n`)
  longest = { cpuMs: 0, wallMs: 0 }
})
