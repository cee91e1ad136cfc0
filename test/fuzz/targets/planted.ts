/** Does all that a target must not do, each for inputs that begin with its letter: shows that the fuzzer would see it. */
import assert from 'node:assert/strict'
import type { FuzzTarget } from '../target.ts'

const limits = { bufferBytesMax: 4096, buffersBytesMax: 65_536, heapBytesMax: 2 ** 20 }
const kept: unknown[] = []

export const plantedTarget: FuzzTarget = {
  name: 'planted',
  seeds: () => [],
  generate: (random) => Buffer.from(random.pick(['fine', 'good', 'well'])),
  mutate: (input) => input,
  run: (input, meter) => meter.turn(limits, () => bad(String.fromCharCode(input[0] ?? 0))),
}

function bad(letter: string): void | Promise<void> {
  switch (letter) {
    case 't':
      throw new Error('planted: thrown')
    case 'r':
      return Promise.reject(new Error('planted: rejected'))
    case 'l':
      // Leaves the call, and comes back when nobody waits for it any more.
      setImmediate(() => {
        throw new Error('planted: late')
      })
      return new Promise((resolve) => setTimeout(resolve, 10_000))
    case 's':
      return spin(60)
    case 'e':
      return spin(Number.POSITIVE_INFINITY)
    case 'b':
      kept[0] = Buffer.allocUnsafe(5000)
      return
    case 'h':
      kept.push(text())
      return
    case 'o':
      for (;;) kept.push(text())
  }
}

/** Of CPU time, so that it is as much on a busy machine. */
function spin(ms: number): void {
  const before = process.cpuUsage()
  let used: NodeJS.CpuUsage
  do used = process.cpuUsage(before)
  while (used.user + used.system < ms * 1000)
}

/** 8 MB of heap, quickly and in one piece, so that no small collection takes part of it back. */
function text(): string {
  const long = 'x'.repeat(2 ** 23)
  // Only when it is looked into does it become a piece.
  assert.equal(long.charCodeAt(kept.length), 0x78)
  return long
}
