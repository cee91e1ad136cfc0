/** What processes took of the machine, from Linux's /proc: user and system time of all threads, and what they wrote. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** USER_HZ is 100 wherever Linux runs Node: /proc counts in steps of 10 ms. */
const TICK_US = 10_000

/** Microseconds since the process began. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field, the program's name in brackets, may hold blanks; utime and stime are the 14th and 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_US
}

/** As `cpuUs`, but to the microsecond, and only of the threads that there are now: for figures of little work. */
export function threadsCpuUs(pid: number): number {
  let ns = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const file = `/proc/${pid}/task/${thread}/schedstat`
    // One that has ended meanwhile takes its time along.
    if (existsSync(file)) ns += Number(readFileSync(file, 'latin1').split(' ', 1)[0])
  }
  return ns / 1_000
}

/** Microseconds that all cores together were busy since the machine began, whoever it was for. */
export function busyUs(): number {
  const [, user, nice, system, , , irq, softirq] = (
    /^cpu .*/m.exec(readFileSync('/proc/stat', 'latin1'))?.[0] ?? ''
  ).split(/ +/)
  return [user, nice, system, irq, softirq].reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_US
}

/**
 * Bytes that a process has made the system write to a disk, at once or later; what went to sockets or to files in memory
 * (tmpfs) is not among them. 0 where the system does not tell.
 */
export function diskBytes(pid: number): number {
  const file = `/proc/${pid}/io`
  if (!existsSync(file)) return 0
  return Number(/^write_bytes: (\d+)$/m.exec(readFileSync(file, 'latin1'))?.[1])
}
