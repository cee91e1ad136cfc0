/**
 * What does a message cost that crosses a link, how long is it on its way, and how many bytes does it take? Two of our nodes, and in the
 * same rounds what one would use instead: a bridge of two Mosquittos, two NATS leaf nodes with MQTT, aedes with a bridge of MQTT.js.
 * Left out: TLS, access rules, a network. CPU time is that of all processes of the link, per delivered message.
 */
import type { Bench } from '../bench.ts'
import { findContestants } from './contestants.ts'
import { benchLatency } from './latency.ts'
import { Results } from './results.ts'
import { benchThroughput } from './throughput.ts'
import { benchWire } from './wire.ts'

export async function benchLink(bench: Bench): Promise<void> {
  const field = findContestants(bench.dialect)
  const results = new Results(bench, 'link')
  for (const words of field.missing) bench.print(`link: ${words}`)
  await benchThroughput(bench, field, results.take)
  await benchLatency(bench, field, results.take)
  await benchWire(bench, field, results.take)
  results.write('A link between two clusters', [
    ...bench.host,
    `rounds: ${bench.rounds}, of ${bench.durationMs / 1_000} s; ${bench.topicCount} topics; our nodes’ dialect: ${bench.dialect}`,
    'Mosquitto: bridge with `topic # out` and Nagle’s algorithm for CPU time, `topic # in` and `set_tcp_nodelay` for the time on the way; NATS: at QoS 1 its subscriber asks by one wildcard filter',
    ...field.missing,
  ])
}
