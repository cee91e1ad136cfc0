/** Where V8's CPU profiles (`--cpu-prof`) say that a process spent its time. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'

/** Chrome DevTools Protocol, `Profiler.Profile`: samples name nodes of the call tree, `timeDeltas` are microseconds. */
const profileSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  /** By the machine's monotonic clock, microseconds; the first delta counts from here. */
  startTime: z.number(),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
})

export type ProcessProfile = {
  readonly pid: number
  /** By share of the time that the process was not idle, greatest first. */
  readonly hottest: readonly { readonly where: string; readonly share: number }[]
}

const HOTTEST = 15

/** @param fromUs by the machine's monotonic clock: what came earlier, the start of the process, is left out */
export function readProfiles(directory: string, fromUs: number): ProcessProfile[] {
  return (
    readdirSync(directory)
      // CPU.<date>.<time>.<pid>.<thread>.<number>.cpuprofile; 0 is the main thread, the others stand by for rare work.
      .filter((file) => file.endsWith('.cpuprofile') && file.split('.')[4] === '0')
      .map((file) => {
        const pid = Number(file.split('.')[3])
        const profile = profileSchema.parse(JSON.parse(readFileSync(join(directory, file), 'utf8')))
        return { pid, hottest: hottest(profile, fromUs) }
      })
  )
}

function hottest(
  { nodes, startTime, samples, timeDeltas }: z.infer<typeof profileSchema>,
  fromUs: number,
): ProcessProfile['hottest'] {
  const whereOf = new Map(nodes.map(({ id, callFrame }) => [id, describe(callFrame)]))
  const us = new Map<string, number>()
  let atUs = startTime
  for (const [index, id] of samples.entries()) {
    atUs += timeDeltas[index] ?? 0
    if (atUs < fromUs) continue
    const where = whereOf.get(id) ?? '(unknown)'
    us.set(where, (us.get(where) ?? 0) + (timeDeltas[index] ?? 0))
  }
  us.delete('(idle)')
  const busyUs = [...us.values()].reduce((sum, value) => sum + value, 0)
  return [...us]
    .sort(([, a], [, b]) => b - a)
    .slice(0, HOTTEST)
    .map(([where, value]) => ({ where, share: value / busyUs }))
}

/** `encodeTerm src/link/emqx/etf.js:12`; what has no file is V8's or Node's own. */
function describe({
  functionName,
  url,
  lineNumber,
}: {
  functionName: string
  url: string
  lineNumber: number
}): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  const file = /(?:node_modules|dist[^/]*)\/(.*)$/.exec(url)?.[1] ?? url
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`
}
