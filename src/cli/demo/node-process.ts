/** A node as a child process: its configuration in a file of its own, its log read line by line as JSON. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { DashboardFile } from './dashboards.ts'

/** A line of the log. `msg` is the event's name; its fields stand beside it. */
export type LogEvent = { readonly msg: string; readonly [field: string]: unknown }

export type NodeProcess = {
  readonly name: string
  readonly pid: number
  readonly configFile: string
  /** As it was at the start. */
  readonly config: NodeFile
  /** All events so far, oldest first. */
  readonly log: readonly LogEvent[]
  /** Port of the MQTT listener `default`, as the system gave it. */
  readonly mqttPort: number
  /** The newest `cluster_link_status` of a link, if there was one. */
  linkStatus(link: string): LogEvent | undefined
  /** Resolves with the first event that matches, a past one included unless `from` (an index of `log`) excludes it. */
  waitFor(what: string, matches: (event: LogEvent) => boolean, from?: number): Promise<LogEvent>
  /** Resolves when the link's newest status is this one. */
  waitForStatus(link: string, status: string): Promise<LogEvent>
  /** Writes the configuration anew and sends SIGHUP. */
  reload(config: NodeFile): void
  /** SIGTERM; resolves with the exit code, or the signal's name if that ended it. */
  stop(): Promise<number | string>
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>
  /** Resolves when the process is gone, for whatever reason. */
  readonly gone: Promise<number | string>
}

/** The configuration as it stands in the file. JSON is HOCON, so it is written as JSON. */
export type NodeFile = {
  readonly node: { readonly name: string; readonly data_dir: string }
  readonly cluster: {
    readonly name: string
    readonly links: readonly LinkFile[]
    readonly nats?: { readonly servers: readonly string[] }
  }
  readonly listeners: { readonly tcp: { readonly default: { readonly bind: string } } }
  readonly debug?: { readonly socket: string; readonly faults?: boolean }
  readonly dashboard?: DashboardFile
}

export type LinkFile = {
  readonly name: string
  readonly server: string
  readonly topics: readonly string[]
  readonly enable?: boolean
  readonly clientid?: string
  readonly username?: string
  readonly password?: string
  readonly pool_size?: number
  readonly max_inflight?: number
  readonly dialect?: 'auto' | 'emqx' | 'native'
  readonly durable?: boolean
  readonly overflow?: 'drop_oldest' | 'drop_newest' | 'backpressure'
  readonly retained?: 'live' | 'sync' | 'off'
  readonly compression?: 'off' | 'auto'
  readonly resource_opts?: {
    readonly max_buffer_bytes?: string
    readonly max_buffer_messages?: number
    readonly request_ttl?: string
  }
}

/** The longest a node may take to say what is waited for. */
const DEADLINE_MS = 30_000
const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))

/**
 * Starts `isthmus start` in `directory` and resolves when the node serves its clients. `nodeOptions` are Node.js's own; `within` is a
 * command line that runs what follows it in its own place.
 */
export async function startNodeProcess(
  config: NodeFile,
  directory: string,
  nodeOptions: readonly string[] = [],
  within: readonly string[] = [],
): Promise<NodeProcess> {
  const name = config.node.name
  const configFile = join(directory, `${config.cluster.name}-${name.replaceAll(/[^a-zA-Z0-9]/g, '-')}.conf`)
  writeFileSync(configFile, JSON.stringify(config, undefined, 2))
  // In a process group of its own: Ctrl-C at the terminal is for the demo, which then ends its nodes in order.
  const [program, ...args] = [...within, process.execPath, ...nodeOptions, MAIN, 'start', '--config', configFile]
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const log: LogEvent[] = []
  const listeners = new Set<(event: LogEvent) => void>()
  let complaints = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-4000)
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = parseEvent(line)
    log.push(event)
    for (const listener of listeners) listener(event)
  })
  // The last resort if this process ends without ending its nodes; SIGKILL alone goes past it.
  const killHard = (): void => void child.kill('SIGKILL')
  process.once('exit', killHard)
  const gone = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  }).finally(() => process.off('exit', killHard))

  const say = (problem: string): string =>
    `${name}: ${problem}\n${log
      .slice(-15)
      .map((event) => JSON.stringify(event))
      .join('\n')}\n${complaints}`

  const waitFor: NodeProcess['waitFor'] = async (what, matches, from = 0) => {
    const past = log.slice(from).find(matches)
    if (past !== undefined) return past
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer)
        listeners.delete(listener)
        act()
      }
      const listener = (event: LogEvent): void => {
        if (matches(event)) settle(() => resolve(event))
      }
      const timer = setTimeout(
        () => settle(() => reject(new Error(say(`no ${what} in ${DEADLINE_MS} ms`)))),
        DEADLINE_MS,
      )
      listeners.add(listener)
      void gone.then((code) => settle(() => reject(new Error(say(`ended (${code}) while waiting for ${what}`)))))
    })
  }
  const linkStatus = (link: string): LogEvent | undefined =>
    log.findLast((event) => event.msg === 'cluster_link_status' && event['link'] === link)

  const listener = await Promise.all([
    waitFor('listener_started', (event) => event.msg === 'listener_started'),
    waitFor('node_started', (event) => event.msg === 'node_started'),
  ]).then(
    ([event]) => event,
    (error: unknown) => {
      killHard()
      throw error
    },
  )
  const signal = (name: NodeJS.Signals): void => void child.kill(name)
  return {
    name,
    pid: child.pid ?? 0,
    configFile,
    config,
    log,
    mqttPort: Number(String(listener['bind']).split(':').at(-1)),
    linkStatus,
    waitFor,
    waitForStatus: async (link, status) => {
      const now = linkStatus(link)
      if (now?.['status'] === status) return now
      return waitFor(
        `${link} ${status}`,
        (event) => event.msg === 'cluster_link_status' && event['link'] === link && event['status'] === status,
        log.length,
      )
    },
    reload: (next) => {
      writeFileSync(configFile, JSON.stringify(next, undefined, 2))
      signal('SIGHUP')
    },
    stop: () => {
      signal('SIGTERM')
      return gone
    },
    kill: async () => {
      signal('SIGKILL')
      await gone
    },
    gone,
  }
}

/** What is no JSON object (a warning of the runtime, say) is kept as an event named by its text. */
function parseEvent(line: string): LogEvent {
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value === 'object' && value !== null && 'msg' in value) return { ...value, msg: String(value.msg) }
  } catch (error) {
    return { msg: line, unreadable: String(error) }
  }
  return { msg: line }
}
