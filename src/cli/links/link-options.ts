/** The settings of a link as options, and what they make of it. */
import type { Given, Options } from '../command.ts'
import { passwordOptions } from '../read-secret.ts'

/** What each sets: the field as a file writes it. */
const plainFields = {
  server: 'server',
  clientid: 'clientid',
  username: 'username',
  enable: 'enable',
  dialect: 'dialect',
  durable: 'durable',
  overflow: 'overflow',
  retained: 'retained',
  compression: 'compression',
  'pool-size': 'pool_size',
  'max-inflight': 'max_inflight',
  'retry-interval': 'retry_interval',
  ssl: 'ssl.enable',
  'ssl-cacertfile': 'ssl.cacertfile',
  'ssl-certfile': 'ssl.certfile',
  'ssl-keyfile': 'ssl.keyfile',
  'ssl-server-name': 'ssl.server_name_indication',
} as const

export const linkOptions = {
  server: { kind: 'text', value: 'HOST:PORT', help: 'where the peer listens; several with commas' },
  topics: { kind: 'texts', value: 'FILTERS', help: 'what we want of the peer, with commas between; "" for nothing' },
  username: { kind: 'text', value: 'NAME', help: 'as whom we connect there' },
  ...passwordOptions,
  'ask-password': { kind: 'flag', help: 'ask for the password here' },
  clientid: { kind: 'text', value: 'PREFIX', help: 'of the ClientIDs of our connections' },
  enable: { kind: 'switch', help: 'whether it is on; it is if nothing is said' },
  ssl: { kind: 'switch', help: 'TLS to the peer' },
  'ssl-verify': { kind: 'switch', help: 'whether the certificate of the peer is checked' },
  'ssl-cacertfile': { kind: 'text', value: 'FILE', help: 'PEM file of the authorities that we trust, on each node' },
  'ssl-certfile': { kind: 'text', value: 'FILE', help: 'our certificate, on each node' },
  'ssl-keyfile': { kind: 'text', value: 'FILE', help: 'its key, on each node' },
  'ssl-server-name': { kind: 'text', value: 'HOST', help: 'the name that the certificate has to have' },
  durable: { kind: 'switch', help: 'what waits to cross is on the disk' },
  overflow: {
    kind: 'word',
    words: ['drop_oldest', 'drop_newest', 'backpressure'],
    help: 'what goes when the outbox is full',
  },
  retained: { kind: 'word', words: ['live', 'sync', 'off'], help: 'what becomes of retained messages' },
  compression: { kind: 'word', words: ['off', 'auto'], help: 'of what crosses' },
  dialect: { kind: 'word', words: ['auto', 'emqx', 'native'], help: 'what is spoken with the peer' },
  'pool-size': { kind: 'number', value: 'N', min: 1, max: 1_024, help: 'connections that carry messages' },
  'max-inflight': { kind: 'number', value: 'N', min: 1, max: 65_535, help: 'packets without acknowledgement on each' },
  'retry-interval': { kind: 'text', value: 'DURATION', help: 'such as 15s' },
  set: { kind: 'texts', value: 'FIELD=VALUE', help: 'any setting, as a file names it: resource_opts.request_ttl=1h' },
  file: {
    kind: 'text',
    value: 'FILE',
    complete: 'file',
    help: 'settings as in cluster.links (HOCON or JSON); - is standard input',
  },
} as const satisfies Options

export type LinkGiven = Given<typeof linkOptions, []>['options']

/** Paths and values, in the order in which they are to be set. A message says what is wrong. */
export function settingsOf(given: LinkGiven): readonly (readonly [string, unknown])[] | string {
  const settings: (readonly [string, unknown])[] = []
  for (const [option, field] of Object.entries(plainFields)) {
    const value = Object.entries(given).find(([name]) => name === option)?.[1]
    if (value !== undefined) settings.push([field, value])
  }
  const { topics, 'ssl-verify': verify, set } = given
  if (topics.length > 0) settings.push(['topics', filtersOf(topics)])
  if (verify !== undefined) settings.push(['ssl.verify', verify ? 'verify_peer' : 'verify_none'])
  for (const written of set) {
    const [, field, value] = /^([\w.-]+)=(.*)$/s.exec(written) ?? []
    if (field === undefined || value === undefined)
      return `--set ${written}: write a setting and its value: --set pool_size=4`
    const read = readValue(value)
    if (read.type === 'invalid') return `--set ${written}: what begins like JSON has to be JSON`
    settings.push([field, read.value])
  }
  return settings
}

/** `a,b` and `b` are three filters, the last of which is said twice; that is for the node to say. */
export function filtersOf(written: readonly string[]): string[] {
  return written.flatMap((one) => one.split(',')).flatMap((one) => (one.trim() === '' ? [] : [one.trim()]))
}

type ReadJson = { readonly type: 'ok'; readonly value: unknown } | { readonly type: 'invalid' }

/** Lists, sections and quoted text are JSON; the rest is text, from which the node reads numbers and durations. */
function readValue(written: string): ReadJson {
  if (!/^\s*["[{]/.test(written)) return { type: 'ok', value: written }
  try {
    return { type: 'ok', value: JSON.parse(written) as unknown }
  } catch (error) {
    if (error instanceof SyntaxError) return { type: 'invalid' }
    throw error
  }
}
