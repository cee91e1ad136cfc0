/** A node of the stage: a real process, one after the other, that is asked over its debug socket as anybody may. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type NodeFile, type NodeProcess, startNodeProcess } from '../../../src/cli/demo/node-process.ts'
import { type Fields, isFields } from '../../../src/cli/fields.ts'
import { SocketClient } from '../../../src/cli/inspect/socket-client.ts'

export type ChaosNodeOptions = {
  readonly name: string
  readonly cluster: string
  readonly file: NodeFile & { readonly debug: { readonly socket: string } }
  /** Its file, its socket and its clock are kept here; its data where `file` says. */
  readonly directory: string
  /** Where its clients find it. */
  readonly url: string
  /** A command line that runs what follows it: in a namespace, say. */
  readonly within?: readonly string[]
  readonly onFailure: (error: Error) => void
}

/** A link as a node tells of it. */
export type LinkSeen = {
  readonly peer: string
  readonly status: string
  readonly reasons: readonly string[]
  readonly routes: { readonly ours: number; readonly peers: number }
  readonly dropped: Readonly<Record<string, number>>
  readonly waiting: number
  readonly maybeDuplicate: number
}

const ANSWER_MS = 2_000

export class ChaosNode {
  readonly name: string
  readonly cluster: string
  readonly url: string
  readonly #options: ChaosNodeOptions
  readonly #clockFile: string
  #process: NodeProcess | undefined
  #client: Promise<SocketClient> | undefined
  /** Over when the last start is, for good or ill: who ends a node ends also one that has just begun. */
  #starting: Promise<unknown> = Promise.resolve()

  constructor(options: ChaosNodeOptions) {
    this.name = options.name
    this.cluster = options.cluster
    this.url = options.url
    this.#options = options
    mkdirSync(options.directory, { recursive: true })
    this.#clockFile = join(options.directory, 'clock-offset')
    writeFileSync(this.#clockFile, '0')
  }

  get dataDirectory(): string {
    return this.#options.file.node.data_dir
  }

  get isUp(): boolean {
    return this.#process !== undefined
  }

  /** Lines of its log, of the process that runs. */
  get log(): NodeProcess['log'] {
    return this.#process?.log ?? []
  }

  /** Resolves when it serves clients. */
  async start(): Promise<void> {
    const { file, directory, within } = this.#options
    const clock = new URL('shifted-clock.js', import.meta.url)
    clock.searchParams.set('file', this.#clockFile)
    const starting = startNodeProcess(file, directory, ['--import', clock.href], within)
    this.#starting = starting.catch(() => undefined)
    const started = await starting
    this.#process = started
    void this.#watch(started)
  }

  async #watch(started: NodeProcess): Promise<void> {
    const code = await started.gone
    if (this.#process !== started) return
    this.#leave()
    const last = JSON.stringify(started.log.slice(-5))
    this.#options.onFailure(new Error(`${this.name} ended by itself (${code}): ${last}`))
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    await this.#starting
    await this.#leave()?.kill()
  }

  /** SIGTERM; resolves with how it ended, 0 for one that does not run. */
  async stop(): Promise<number | string> {
    await this.#starting
    return (await this.#leave()?.stop()) ?? 0
  }

  freeze(): void {
    this.#signal('SIGSTOP')
  }

  thaw(): void {
    this.#signal('SIGCONT')
  }

  setClock(byMs: number): void {
    writeFileSync(this.#clockFile, String(byMs))
    this.#signal('SIGUSR2')
  }

  /** Forgets all that it has on disk; not while it runs. */
  empty(): void {
    rmSync(this.dataDirectory, { recursive: true, force: true })
  }

  /** `undefined` if it does not answer. */
  async links(): Promise<readonly LinkSeen[] | undefined> {
    const { links } = (await this.#ask('links.list')) ?? {}
    return Array.isArray(links) ? links.filter(isFields).map(linkSeen) : undefined
  }

  /** Peers to which it speaks for its cluster. */
  async speaksTo(): Promise<readonly string[]> {
    const { leases } = (await this.#ask('leases.list')) ?? {}
    if (!Array.isArray(leases)) return []
    return leases.filter((row) => isFields(row) && row['state'] === 'holder').map((row) => String(row.name))
  }

  async #ask(method: string): Promise<Fields | undefined> {
    if (this.#process === undefined) return undefined
    const asked = this.#open()
    const late = new AbortController()
    const timeout = new Promise<undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), ANSWER_MS)
      late.signal.addEventListener('abort', () => clearTimeout(timer))
    })
    try {
      const answer = await Promise.race([asked.then((client) => client.call(method)), timeout])
      if (answer === undefined) this.#forget()
      return answer
    } catch {
      // It is gone, or not there yet: what is asked next opens a connection of its own.
      this.#forget()
      return undefined
    } finally {
      late.abort()
    }
  }

  #open(): Promise<SocketClient> {
    return (this.#client ??= SocketClient.open(this.#options.file.debug.socket))
  }

  #forget(): void {
    void this.#client?.then(
      (client) => client.close(),
      () => undefined,
    )
    this.#client = undefined
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process !== undefined) process.kill(this.#process.pid, signal)
  }

  /** From now on its end is no failure. */
  #leave(): NodeProcess | undefined {
    const running = this.#process
    this.#process = undefined
    this.#forget()
    return running
  }
}

function linkSeen(row: Fields): LinkSeen {
  const routes = fieldsOf(row['routes'])
  const ledger = fieldsOf(row['ledger'])
  const inbound = fieldsOf(row['inbound'])
  return {
    peer: String(row['name']),
    status: String(row['state']),
    reasons: Array.isArray(row['reasons']) ? row['reasons'].map(String) : [],
    routes: { ours: Number(routes['ours'] ?? 0), peers: Number(routes['peers'] ?? 0) },
    dropped: { ...countsOf(ledger['dropped']), ...countsOf(ledger['failed']) },
    waiting: Number(ledger['queued'] ?? 0) + Number(ledger['inflight'] ?? 0),
    maybeDuplicate: Number(inbound['maybe_duplicate'] ?? 0),
  }
}

const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {})

function countsOf(value: unknown): Record<string, number> {
  return Object.fromEntries(Object.entries(fieldsOf(value)).map(([name, count]) => [name, Number(count)]))
}
