/** A node of its own for a test, and somebody who may ask its API for everything. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type ConfigInput, createNode, type Node } from '../../src/index.ts'
import type { NodeOptions } from '../../src/node.ts'

/** As `fetch`, authorized; a `body` that is no text is sent as JSON. `Body` is what the caller takes the answer for. */
export type Ask = <Body = unknown>(path: string, init?: AskInit) => Promise<Answer<Body>>
export type AskInit = {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}
/** `body`: read as JSON where it is JSON, else text. */
export type Answer<Body> = { readonly status: number; readonly headers: Headers; readonly body: Body }

export type NodeWithApi = {
  readonly node: Node
  readonly dataDir: string
  /** `http://127.0.0.1:1234`, without a path. */
  readonly url: string
  /** Under `/api/v5`: `ask('/cluster/links')`. */
  readonly ask: Ask
  /** The header that `ask` sends. */
  readonly authorization: string
}

/**
 * Starts it on free ports of loopback; it ends with the test.
 * @param config over what is needed anyway: sections of the same name replace it
 */
export async function nodeWithApi(
  t: TestContext,
  config: ConfigInput = {},
  options: NodeOptions = {},
): Promise<NodeWithApi> {
  const dataDir = mkdtempSync(join(tmpdir(), 'isthmus-api-'))
  const node = createNode(
    {
      listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
      dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
      ...config,
      node: { name: 'n1@127.0.0.1', ...config.node, data_dir: dataDir },
    },
    options,
  )
  t.after(async () => {
    await node.stop()
    rmSync(dataDir, { recursive: true })
  })
  await node.start()
  const { url, token } = readLocalToken(dataDir)
  const authorization = `Bearer ${token}`
  return { node, dataDir, url, ask: asker(url, authorization), authorization }
}

/** What the node left there for the command line. */
export function readLocalToken(dataDir: string): { readonly url: string; readonly token: string } {
  const read: unknown = JSON.parse(readFileSync(join(dataDir, 'api.json'), 'utf8'))
  assert.ok(typeof read === 'object' && read !== null && 'url' in read && 'token' in read)
  return { url: String(read.url), token: String(read.token) }
}

/** Asks with this header, or without any. */
export function asker(url: string, authorization: string | undefined): Ask {
  return async <Body>(
    path: string,
    { method = 'GET', body, headers = {}, signal }: AskInit = {},
  ): Promise<Answer<Body>> => {
    const response = await fetch(`${url}/api/v5${path}`, {
      method,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true
    const read: unknown = isJson ? JSON.parse(text) : text
    return { status: response.status, headers: response.headers, body: read as Body }
  }
}
