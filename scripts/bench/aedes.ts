/**
 * A process of its own for the benchmark: an aedes broker, or a bridge of MQTT.js between two brokers. Says `ready` when it is.
 *   node aedes.js broker PORT | bridge FROM_PORT TO_PORT
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Aedes } from 'aedes'
import { connectAsync, type MqttClient } from 'mqtt'

const [role, ...ports] = process.argv.slice(2)
if (role === 'broker') await serve(Number(ports[0]))
else await bridge(Number(ports[0]), Number(ports[1]))
process.stdout.write('ready\n')

async function serve(port: number): Promise<void> {
  const broker = await Aedes.createBroker()
  const server = createServer({ noDelay: true }, broker.handle).listen(port, '127.0.0.1')
  await once(server, 'listening')
}

async function bridge(fromPort: number, toPort: number): Promise<void> {
  const [from, to] = await Promise.all([open(fromPort, 'bridge-from'), open(toPort, 'bridge-to')])
  from.on('message', (topic, payload, { qos, retain }) => {
    to.publish(topic, payload, { qos, retain })
  })
  await from.subscribeAsync('#', { qos: 1 })
}

function open(port: number, clientId: string): Promise<MqttClient> {
  return connectAsync(`mqtt://127.0.0.1:${port}`, { clientId, clean: true, protocolVersion: 4 })
}
