import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Output, type Sink } from '../../src/broker/connection/output.ts'

/** A socket that takes everything, or one that has taken nothing yet. */
class Recorder implements Sink {
  writableLength = 0
  corked = 0
  readonly written: Buffer[] = []
  done = 0

  cork(): void {
    this.corked++
  }

  uncork(): void {
    this.corked--
  }

  write(bytes: Buffer, done?: () => void): boolean {
    this.written.push(bytes)
    if (done !== undefined) this.done++
    return this.writableLength === 0
  }
}

const step = fc.oneof(
  fc.record({ do: fc.constant('append' as const), from: fc.nat(9_000), length: fc.integer({ min: 1, max: 900 }) }),
  fc.record({ do: fc.constant('next' as const), from: fc.constant(0), length: fc.integer({ min: 1, max: 900 }) }),
  fc.record({ do: fc.constant('reserve' as const), from: fc.constant(0), length: fc.integer({ min: 1, max: 3_000 }) }),
  fc.record({ do: fc.constant('flush' as const), from: fc.nat(1), length: fc.constant(0) }),
)

test('all that was gathered is written, in order and once', () => {
  const read = Buffer.from(Array.from({ length: 10_000 }, (_, i) => (i * 31) % 251))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const output = new Output()
      const sink = new Recorder()
      const expected: Buffer[] = []
      let at = 0
      let flushes = 0
      for (const { do: what, from, length } of steps) {
        const before = output.bytes
        if (what === 'flush') {
          sink.writableLength = from
          if (before > 0) flushes++
          output.flush(sink, () => undefined)
          assert.equal(output.bytes, 0)
          continue
        }
        if (what === 'reserve') {
          const { buffer, at: into } = output.reserve(length)
          buffer.fill(length & 255, into, into + length)
          expected.push(Buffer.alloc(length, length & 255))
        } else {
          const start = what === 'append' ? from : at
          const end = Math.min(start + length, read.length)
          output.append(read, start, end)
          expected.push(read.subarray(start, end))
          at = end < read.length ? end : 0
        }
        assert.equal(output.bytes, before + expected.at(-1)!.length)
      }
      if (output.bytes > 0) flushes++
      output.flush(sink, () => undefined)
      assert.deepEqual(Buffer.concat(sink.written), Buffer.concat(expected))
      assert.equal(sink.corked, 0)
      assert.equal(sink.done, flushes)
    }),
  )
})

test('what goes to a socket that is backed up holds no slice of a large read', () => {
  const output = new Output()
  const sink = new Recorder()
  sink.writableLength = 1
  const read = Buffer.alloc(65_536)
  output.append(read, 10, 20)
  output.flush(sink)
  output.append(read, 100, 5_000)
  output.append(read, 6_000, 12_000)
  output.flush(sink)
  for (const written of sink.written) assert.notEqual(written.buffer, read.buffer)
})

test('neighbours in one read are written as one piece', () => {
  const output = new Output()
  const sink = new Recorder()
  const read = Buffer.alloc(1_000, 'x')
  for (let at = 0; at < 1_000; at += 100) output.append(read, at, at + 100)
  output.flush(sink)
  assert.equal(sink.written.length, 1)
  assert.equal(sink.written[0]?.buffer, read.buffer)
})
