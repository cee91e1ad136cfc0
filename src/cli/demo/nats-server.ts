/** `nats-server` as a child process, alone or as a NATS cluster, with JetStream in a directory of its own. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, freePorts } from './free-ports.ts'

export type NatsServer = {
  /** `nats://127.0.0.1:PORT`; the port stays the same over restarts. */
  readonly url: string
  readonly port: number
  /** Of the process that runs now. */
  readonly pid: number
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Kills it if it runs, starts it again on what it has on disk; resolves when it takes clients. */
  restart(): Promise<void>
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void
  /** SIGCONT. */
  thaw(): void
  /** Deletes all that JetStream has on disk; not while it runs. */
  wipe(): void
  /** Ends it for good and removes its directory. */
  stop(): Promise<void>
}

export type NatsServerOptions = {
  /** A free one if left out. */
  readonly port?: number
  /** More lines for its configuration file: users, TLS, a cluster. */
  readonly settings?: string
  readonly jetStream?: boolean
}

/** The longest that a server may take until it is ready. */
const DEADLINE_MS = 20_000

/** Resolves when the server takes clients. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const { settings = '', jetStream = true } = options
  const port = options.port ?? (await freePort())
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-nats-'))
  const store = join(directory, 'store')
  const file = join(directory, 'nats.conf')
  const lines = [
    `listen: "127.0.0.1:${port}"`,
    ...(jetStream ? [`jetstream { store_dir: ${JSON.stringify(store)} }`] : []),
    settings,
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  let running = await launch(file)

  const kill = async (): Promise<void> => {
    running.child.kill('SIGKILL')
    await running.gone
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    get pid() {
      return running.child.pid ?? 0
    },
    kill,
    restart: async () => {
      await kill()
      running = await launch(file)
    },
    freeze: () => void running.child.kill('SIGSTOP'),
    thaw: () => void running.child.kill('SIGCONT'),
    wipe: () => {
      assert(running.child.exitCode !== null || running.child.signalCode !== null, 'the server still runs')
      rmSync(store, { recursive: true, force: true })
    },
    stop: async () => {
      // A frozen one takes no other signal.
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** Servers that know each other from the start, whichever of them are there; resolves when all take clients. */
export async function startNatsServers(count: number): Promise<readonly NatsServer[]> {
  const ports = await freePorts(count)
  const routes = ports.map((port) => `nats://127.0.0.1:${port}`).join(', ')
  return Promise.all(
    ports.map((port, index) =>
      startNatsServer({
        settings: [
          `server_name: "server-${index + 1}"`,
          `cluster { name: "servers", listen: "127.0.0.1:${port}", routes: [${routes}] }`,
        ].join('\n'),
      }),
    ),
  )
}

type Running = { readonly child: ChildProcess; readonly gone: Promise<void> }

async function launch(file: string): Promise<Running> {
  // In a process group of its own: Ctrl-C at the terminal is for whoever started it.
  const child = spawn(findNatsServer(), ['-c', file], { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  // The last resort if this process ends without ending its server; SIGKILL alone goes past it.
  const killHard = (): void => void child.kill('SIGKILL')
  process.once('exit', killHard)
  const gone = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  }).finally(() => process.off('exit', killHard))
  await new Promise<void>((resolve, reject) => {
    let said = ''
    const fail = (): void => {
      killHard()
      reject(new Error(`nats-server did not become ready\n${said}`))
    }
    const timer = setTimeout(fail, DEADLINE_MS)
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (said.length < 4000) said += `${line}\n`
      if (!line.includes('Server is ready')) return
      clearTimeout(timer)
      resolve()
    })
    void gone.then(() => {
      clearTimeout(timer)
      return fail()
    })
  })
  return { child, gone }
}

const INSTALL = `nats-server is not installed, and the nodes of a cluster meet through it. Get it
  on Debian and Ubuntu:  sudo apt-get install nats-server
  on macOS:              brew install nats-server
  elsewhere:             nats-server 2.9 or newer, in PATH`

/** Where packages put it, beside what is in PATH. */
const PACKAGE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']

/** Where the program is. Throws if it is in none of these folders, and says how to get it. */
export function findNatsServer(
  folders: readonly string[] = [...(process.env['PATH'] ?? '').split(delimiter), ...PACKAGE_FOLDERS],
): string {
  const found = folders.map((folder) => join(folder, 'nats-server')).find(isProgram)
  if (found === undefined) throw new Error(INSTALL)
  return found
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
