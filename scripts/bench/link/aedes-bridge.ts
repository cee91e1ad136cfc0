/** What a user of Node builds: two aedes, and a bridge of MQTT.js that subscribes to `#` at the one and publishes at the other. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { freePort, type Peer, type Program } from '../peers.ts'
import type { Task } from './contestants.ts'

const PROGRAM = fileURLToPath(new URL('../aedes.js', import.meta.url))

export async function startAedesBridge({ relay }: Task): Promise<Peer> {
  const [near, far] = [await freePort(), await freePort()]
  relay?.pointAt(far)
  const programs = await Promise.all([start('broker', near), start('broker', far)])
  programs.push(await start('bridge', near, relay?.port ?? far))
  return {
    publishPort: near,
    subscribePort: far,
    pids: programs.map(({ pid }) => pid),
    stop: async () => {
      for (const program of programs.toReversed()) await program.stop()
    },
  }
}

/** Resolves when it says that it is ready. */
async function start(role: 'broker' | 'bridge', ...ports: readonly number[]): Promise<Program> {
  const child = spawn(process.execPath, [PROGRAM, role, ...ports.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const killHard = (): void => void child.kill('SIGKILL')
  process.once('exit', killHard)
  const gone = once(child, 'close').finally(() => process.off('exit', killHard))
  await Promise.race([
    once(child.stdout, 'data'),
    gone.then(([code]) => Promise.reject(new Error(`aedes' ${role} ended with ${String(code)} before it was ready`))),
  ])
  return {
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill('SIGTERM')
      await gone
    },
  }
}
