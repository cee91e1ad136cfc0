/** A debug socket of this process in a directory of its own, with a made-up node behind it, and those who connect to it. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { TestContext } from 'node:test'
import { createActor, createMachine, type AnyActorRef } from 'xstate'
import type { DebugPort, LinkRow } from '../../src/debug/debug-port.ts'
import { DebugSocket } from '../../src/debug/debug-socket.ts'
import { TransitionHistory } from '../../src/transitions/transition-history.ts'

export type Answer = Readonly<Record<string, unknown>>

export function linkRow(changes: Partial<LinkRow> = {}): LinkRow {
  const ledger = { matched: 3, delivered: 2, inflight: 0, queued: 1, dropped: {}, failed: {}, retried: 0 }
  return {
    name: 'eu',
    state: 'running',
    reasons: [],
    routes: { ours: 1, peers: 2 },
    ledger,
    inbound: undefined,
    ...changes,
  }
}

/** Two actors, `eu` and below it `eu/lamp`, which goes on and off when it is pressed. */
export function lamps(): { readonly history: TransitionHistory; readonly lamp: AnyActorRef } {
  let nowMs = 0
  const history = new TransitionHistory(() => (nowMs += 1_000))
  const begin = (id: string, parent: string | undefined): AnyActorRef => {
    const states = { off: { on: { press: 'on' } }, on: { on: { press: 'off' } } }
    const inspect = history.inspector(() => ({ id, parent }))
    return createActor(createMachine({ id, initial: 'off', states }), { inspect }).start()
  }
  begin('eu', undefined)
  return { history, lamp: begin('eu/lamp', 'eu') }
}

export function debugPort(changes: Partial<DebugPort> = {}): DebugPort {
  return {
    actors: lamps().history,
    routes: {
      match: async () => undefined,
      list: async ({ cursor }) => ({ routes: [], cursor: cursor === 0 ? 7 : null, total: 0 }),
    },
    links: { links: () => [linkRow()], resetLedger: (link) => link === 'eu' },
    cluster: undefined,
    log: { level: 'info' },
    faults: undefined,
    ...changes,
  }
}

export function socketPath(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-debug-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'debug.sock')
}

export async function openDebugSocket(t: TestContext, port: DebugPort = debugPort()): Promise<string> {
  const path = socketPath(t)
  const socket = new DebugSocket(path, port)
  await socket.open()
  t.after(() => socket.close())
  return path
}

export class DebugClient {
  readonly socket: Socket
  readonly #lines: Interface
  readonly #came: Answer[] = []
  readonly closed: Promise<unknown>

  constructor(t: TestContext, path: string) {
    this.socket = connect(path)
    this.closed = once(this.socket, 'close')
    this.#lines = createInterface({ input: this.socket })
    this.#lines.on('line', (line) => void this.#came.push(JSON.parse(line)))
    t.after(() => this.socket.destroy())
  }

  send(...lines: unknown[]): void {
    for (const line of lines) this.socket.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
  }

  /** What came next, or comes. */
  async next(): Promise<Answer> {
    while (this.#came.length === 0) await once(this.#lines, 'line')
    return this.#came.shift()!
  }

  /** Asks and waits for the answer. */
  ask(method: string, params: object = {}): Promise<Answer> {
    this.send({ jsonrpc: '2.0', id: 1, method, params })
    return this.next()
  }
}
