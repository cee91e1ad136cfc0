/** A node whose dashboard somebody looks at: it can go away and come back where it was. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createNode, type ConfigInput, type Node } from '../../src/index.ts'
import { asker, readLocalToken, type Ask } from '../api/node-with-api.ts'

export const ADMIN = { username: 'admin', password: 'a password for tests' } as const

export class DashboardNode {
  readonly #config: ConfigInput
  readonly #dataDir: string
  #node: Node | undefined
  #port = 0

  constructor(t: TestContext, config: ConfigInput = {}) {
    this.#config = config
    this.#dataDir = mkdtempSync(join(tmpdir(), 'isthmus-dashboard-'))
    t.after(async () => {
      await this.stop()
      rmSync(this.#dataDir, { recursive: true })
    })
  }

  async start(): Promise<void> {
    this.#node = createNode({
      listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
      ...this.#config,
      node: { name: 'n1@127.0.0.1', data_dir: this.#dataDir },
      dashboard: {
        listeners: { http: { bind: `127.0.0.1:${this.#port}` } },
        default_username: ADMIN.username,
        default_password: ADMIN.password,
      },
    })
    await this.#node.start()
    this.#port = Number(new URL(this.url).port)
  }

  async stop(): Promise<void> {
    const node = this.#node
    this.#node = undefined
    await node?.stop()
  }

  /** `http://127.0.0.1:1234`: the same after each start. */
  get url(): string {
    return readLocalToken(this.#dataDir).url
  }

  /** Asks its API for everything, past the dashboard. */
  get ask(): Ask {
    const { url, token } = readLocalToken(this.#dataDir)
    return asker(url, `Bearer ${token}`)
  }
}
