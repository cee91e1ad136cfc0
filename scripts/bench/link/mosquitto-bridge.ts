/**
 * Two Mosquittos and the bridge between them, set as favours it. What it costs is measured with `topic # out` and Nagle's algorithm on,
 * which gathers its packets: so it needs half the CPU time, and now and then holds a message up for 40 ms. How long a message takes is
 * measured with `topic # in` and `set_tcp_nodelay true`, which reaches no socket but those that a broker has accepted.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, MOSQUITTO_SETTINGS, type Peer, type Program, startProgram, untilListening } from '../peers.ts'
import type { Task } from './contestants.ts'

export async function startMosquittoBridge(path: string, { isLatency = false, relay }: Task): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-bench-'))
  const [near, far] = [await freePort(), await freePort()]
  const start = async (port: number, bridge: readonly string[]): Promise<Program> => {
    const file = join(directory, `${port}.conf`)
    writeFileSync(file, `${[...brokerLines(port, isLatency), ...bridge].join('\n')}\n`)
    const program = startProgram(path, ['-c', file])
    await untilListening(port)
    return program
  }
  relay?.pointAt(isLatency ? near : far)
  const sending = await start(near, isLatency ? [] : bridgeLines('out', relay?.port ?? far))
  const receiving = await start(far, isLatency ? bridgeLines('in', relay?.port ?? near) : [])
  return {
    publishPort: near,
    subscribePort: far,
    pids: [sending.pid, receiving.pid],
    stop: async () => {
      await Promise.all([sending.stop(), receiving.stop()])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function brokerLines(port: number, isLatency: boolean): string[] {
  return [
    `listener ${port} 127.0.0.1`,
    ...MOSQUITTO_SETTINGS,
    'persistence false',
    ...(isLatency ? ['set_tcp_nodelay true'] : []),
  ]
}

function bridgeLines(direction: 'in' | 'out', port: number): string[] {
  return [
    'connection link',
    `address 127.0.0.1:${port}`,
    `topic # ${direction} 1`,
    'bridge_protocol_version mqttv311',
    'cleansession true',
    'notifications false',
    'restart_timeout 1',
  ]
}
