/**
 * Starts our linked pair and leaves it running, so that any other load generator can be pointed at it:
 *   npm run bench -- --serve link
 * prints one line of JSON with the ports and the processes whose CPU time counts; Ctrl-C, or an end of the input, stops it.
 */
import { once } from 'node:events'
import { type ContestantId, findContestants } from './contestants.ts'
import type { Dialect } from './pair.ts'

/** What can be served: ours, and whom it is compared with. */
const SERVED: Readonly<Record<string, ContestantId>> = {
  link: 'ours',
  mosquitto: 'mosquitto',
  nats: 'nats',
  aedes: 'aedes',
}

/** Resolves when it was asked to stop and has. Throws if there is nothing of this name here. */
export async function serve(name: string, dialect: Dialect): Promise<void> {
  const contestant = findContestants(dialect).contestants[SERVED[name] ?? 'inMemory']
  if (SERVED[name] === undefined || contestant === undefined)
    throw new Error(`--serve ${name}: there is ${Object.keys(SERVED).join(', ')}, as far as installed`)
  const peer = await contestant.start({ qos: 1, topics: ['#'] })
  const { publishPort, subscribePort, pids } = peer
  process.stdout.write(`${JSON.stringify({ serving: contestant.name, publishPort, subscribePort, pids })}\n`)
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process.stdin.resume(), 'end')])
  process.stdin.destroy()
  await peer.stop()
}
