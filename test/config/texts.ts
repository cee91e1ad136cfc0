/** What the tests of the configuration read: the design's example, short links, and a directory in memory. */
import assert from 'node:assert/strict'
import type { ConfigError } from '../../src/config/config-error.ts'
import { parseConfig } from '../../src/config/parse-config.ts'

export const example = `node { name = "a1@127.0.0.1", data_dir = "data/a1" }
cluster {
  name = "us-east"
  # nats { servers = ["nats://127.0.0.1:4222"] }        # leave out: a cluster of one, nothing to install
  links = [{
    name = "eu-west"                                     # the peer's cluster name
    server = "127.0.0.1:2883"
    clientid = "link-us-east"
    topics = ["global/#", "cluster/+/status"]
  }]
}
listeners.tcp.default.bind = "127.0.0.1:1883"            # also ssl, ws, wss
dashboard.listeners.http.bind = "127.0.0.1:18083"        # REST API and dashboard
debug.socket = "data/a1/debug.sock"
`

export const files: Readonly<Record<string, string>> = {
  '/conf/secret': 's3cret \r\n\n',
  '/conf/ca.pem': 'a certificate',
}

export function readFile(path: string): string {
  const text = files[path]
  if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
  return text
}

export async function parse(text: string, env: Record<string, string> = {}) {
  return parseConfig(text, { file: 'isthmus.conf', env, baseDir: '/conf', readFile })
}

export async function good(text: string, env: Record<string, string> = {}) {
  const result = await parse(text, env)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result
}

export async function errorsOf(text: string): Promise<readonly ConfigError[]> {
  const result = await parse(text)
  assert.ok(result.type === 'invalid', 'should be refused')
  return result.errors
}

/** A link with everything it must have, on line 1 of the list; `more` begins on line 2. */
export const withLink = (more: string): string =>
  `cluster.name = "a", cluster.links = [{ name = "b", server = "h:1", topics = ["t/#"]\n${more}\n}]`
export const withTopics = (topics: string): string =>
  `cluster.name = "a", cluster.links = [{ name = "b", server = "h:1"\ntopics = ${topics}\n}]`
