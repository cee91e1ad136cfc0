/**
 * For `node --import`: shifts the wall clock of this process by as many milliseconds as stand in a file, read at the start and at
 * each SIGUSR2, as an operator sets a machine's. What measures how long something takes goes on. The file is named by the
 * module's own address: `shifted-clock.js?file=PATH`.
 */
import { readFileSync } from 'node:fs'

const file = new URL(import.meta.url).searchParams.get('file') ?? ''
const RealDate = Date
let byMs = 0

class ShiftedDate extends RealDate {
  constructor(...args: [] | [number | string | Date]) {
    if (args.length === 0) super(RealDate.now() + byMs)
    else super(args[0])
  }

  static override now(): number {
    return RealDate.now() + byMs
  }
}

const read = (): void => {
  byMs = Number(readFileSync(file, 'utf8'))
}

read()
Object.defineProperty(globalThis, 'Date', { value: ShiftedDate, configurable: true, writable: true })
process.on('SIGUSR2', read)
