/**
 * For `node --import`: SIGUSR2 sets the wall clock of this process back by an hour, as an operator does to a machine's. What
 * measures how long something takes goes on.
 */
const HOUR_MS = 3_600_000

const RealDate = Date
let behindMs = 0

class SettableDate extends RealDate {
  constructor(...args: [] | [number | string | Date]) {
    if (args.length === 0) super(RealDate.now() - behindMs)
    else super(args[0])
  }

  static override now(): number {
    return RealDate.now() - behindMs
  }
}

Object.defineProperty(globalThis, 'Date', { value: SettableDate, configurable: true, writable: true })
process.on('SIGUSR2', () => {
  behindMs += HOUR_MS
})
