/** Names of nodes, clusters and registers as NATS takes them: in subjects, keys and the names of streams. */
import { createHash } from 'node:crypto'
import type { Channel, Sender } from '../coordination.ts'

/** Bytes of one token; a whole subject has to fit a line of the protocol, which servers limit to 4096 bytes. */
const tokenBytesMax = 2000

/** Any text as one token of a subject and key of a KV bucket: what is neither letter nor digit nor one of `-_/` is `=` and two hex digits. */
export function encodeToken(text: string): string {
  if (text === '') return '='
  const token = /^[\w/-]+$/.test(text) ? text : escaped(text, /[\w/-]/, '=')
  if (token.length > tokenBytesMax) throw new RangeError(`a name of ${text.length} characters`)
  return token
}

/** `undefined` for what is nobody's token. */
export function decodeToken(token: string): string | undefined {
  if (token === '=') return ''
  if (!/^(?:[\w/-]|=[0-9A-F]{2})+$/.test(token)) return undefined
  if (!token.includes('=')) return token
  const bytes = token.replaceAll(/=(..)|(.)/g, (_, hex: string | undefined, plain: string) => {
    return hex ?? plain.charCodeAt(0).toString(16)
  })
  return Buffer.from(bytes, 'hex').toString()
}

/** The KV bucket of a cluster. Its stream's name, `KV_` and this, is a file's name on the servers: at most 255 bytes. */
export function bucketName(prefix: string, clusterName: string): string {
  const name = [prefix, clusterName].map((part) => escaped(part, /[a-zA-Z0-9-]/, '_')).join('__')
  if (name.length <= 200) return name
  return `${name.slice(0, 160)}__${createHash('sha256').update(name).digest('hex').slice(0, 32)}`
}

function escaped(text: string, plain: RegExp, mark: string): string {
  let token = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte)
    token += byte < 128 && plain.test(character) ? character : mark + byte.toString(16).toUpperCase().padStart(2, '0')
  }
  return token
}

/** More names than this were no cluster's: what is remembered is forgotten, and made again when it is needed. */
const rememberedMax = 4096

/**
 * The subjects of a cluster's messages: `<prefix>.<cluster>.all.<channel>.<node>.<boot>` to every node, and
 * `<prefix>.<cluster>.to.<node>.<channel>.<node>.<boot>` to one; the last two name the sender. Each is made once. That a register
 * was written is told on `<prefix>.<cluster>.registers`.
 */
export class BusSubjects {
  readonly #base: string
  readonly #self: Sender
  readonly #from: string
  readonly #toAll = new Map<Channel, string>()
  readonly #toNode = new Map<Channel, Map<string, string>>()
  readonly #senders = new Map<string, Sender>()

  constructor(prefix: string, clusterName: string, self: Sender) {
    this.#base = `${prefix}.${encodeToken(clusterName)}`
    this.#self = self
    this.#from = `${encodeToken(self.node)}.${encodeToken(self.boot)}`
  }

  get registerChanges(): string {
    return `${this.#base}.registers`
  }

  toAll(channel: Channel): string {
    return remembered(this.#toAll, channel, () => `${this.#base}.all.${channel}.${this.#from}`)
  }

  toNode(node: string, channel: Channel): string {
    const ofChannel = remembered(this.#toNode, channel, () => new Map<string, string>())
    return remembered(ofChannel, node, () => `${this.#base}.to.${encodeToken(node)}.${channel}.${this.#from}`)
  }

  /** What a listener of a channel subscribes to. */
  heardOn(channel: Channel): readonly string[] {
    return [`${this.#base}.all.${channel}.>`, `${this.#base}.to.${encodeToken(this.#self.node)}.${channel}.>`]
  }

  /** Who sent a message under this subject; `undefined` if it names nobody. */
  senderOf(subject: string): Sender | undefined {
    const known = this.#senders.get(subject)
    if (known !== undefined) return known
    const parts = subject.slice(this.#base.length + 1).split('.')
    if (parts.length !== (parts[0] === 'all' ? 4 : 5)) return undefined
    const [node, boot] = parts.slice(-2).map(decodeToken)
    if (node === undefined || boot === undefined) return undefined
    return remembered(this.#senders, subject, () => ({ node, boot }))
  }
}

function remembered<Key, Value>(values: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = values.get(key)
  if (known !== undefined) return known
  if (values.size >= rememberedMax) values.clear()
  const value = make()
  values.set(key, value)
  return value
}
