/**
 * What goes over `$LINK/cluster/msg/<sender>`: EMQX's message record, `{message, Id, QoS, From, Flags, Headers, Topic, Payload,
 * TimestampMs, Extra}`. Source: EMQX `emqx.hrl`, `emqx_cluster_link_mqtt.erl`, and the recorded frames.
 */
import { isUtf8 } from 'node:buffer'
import type { Message, PublishProperties, QoS } from '../../packets/message.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import { decodeTerm, encodeTerm } from './etf.ts'
import type { DecodeLimits, EncodeOptions } from './etf.ts'
import { addressOf, addressTerm } from './ip-address.ts'
import { Atom, ImproperList, TermMap, Tuple, binary, isList, tuple } from './term.ts'
import type { Term } from './term.ts'

export type LinkMessageResult =
  | {
      readonly type: 'message'
      /** Without origin: that is the gate's to stamp. Owns its payload. */
      readonly message: Message
      /** The cluster that the sender says the message came from over another link; EMQX sends no such message. */
      readonly claimedOrigin: string | undefined
    }
  | { readonly type: 'malformed'; readonly reason: MalformedMessage; readonly detail: string }

/**
 * What is wrong with it, in the order in which it is looked at. A real EMQX drops a `wrong_record` and a `bad_field` unseen;
 * over the others its hook crashes, and it publishes the raw packet or closes the connection.
 */
export type MalformedMessage = 'bad_term' | 'wrong_record' | 'bad_field' | 'bad_topic'

/**
 * The payload that carries a message to an EMQX peer. It holds no atom that EMQX may not know, since one such atom makes
 * EMQX refuse the whole term.
 * @param id 16 bytes, different for each message: see `messageId`.
 */
export function encodeLinkMessage(message: Message, id: Buffer, options?: EncodeOptions): Buffer {
  return encodeTerm(linkMessageTerm(message, id), options)
}

/** Never throws. Bytes after the term are ignored, as EMQX does. */
export function decodeLinkMessage(payload: Uint8Array, limits?: Partial<DecodeLimits>): LinkMessageResult {
  const decoded = decodeTerm(payload, limits)
  return decoded.type === 'malformed' ? malformed('bad_term', decoded.reason) : fromTerm(decoded.term)
}

/**
 * An id of EMQX's layout: microseconds, 6 bytes of the node, 16 bits of a counter. Unique as long as `source` differs between
 * the nodes of all linked clusters and the counter counts each message (it may wrap at 2^32).
 * @param source 6 random bytes, drawn once per process
 */
export function messageId(nowMs: number, source: Buffer, counter: number): Buffer {
  const id = Buffer.allocUnsafe(16)
  // The clock gives milliseconds, so the upper part of the counter serves as microseconds: 65 million ids each millisecond.
  const microseconds = Math.trunc(nowMs) * 1000 + (Math.trunc(counter / 65_536) % 1000)
  id.writeUInt32BE(Math.trunc(microseconds / 0x1_0000_0000), 0)
  id.writeUInt32BE(microseconds % 0x1_0000_0000, 4)
  source.copy(id, 8, 0, 6)
  id.writeUInt16BE(counter % 65_536, 14)
  return id
}

const atoms = {
  message: new Atom('message'),
  dup: new Atom('dup'),
  retain: new Atom('retain'),
  true: new Atom('true'),
  false: new Atom('false'),
  undefined: new Atom('undefined'),
  username: new Atom('username'),
  peerhost: new Atom('peerhost'),
  properties: new Atom('properties'),
  payloadFormatIndicator: new Atom('Payload-Format-Indicator'),
  messageExpiryInterval: new Atom('Message-Expiry-Interval'),
  contentType: new Atom('Content-Type'),
  responseTopic: new Atom('Response-Topic'),
  correlationData: new Atom('Correlation-Data'),
  userProperty: new Atom('User-Property'),
} as const

const emptyMap = new TermMap([])
const flagsPlain = flagsTerm(atoms.false)
const flagsRetain = flagsTerm(atoms.true)

function flagsTerm(retain: Atom): TermMap {
  return new TermMap([
    [atoms.dup, atoms.false],
    [atoms.retain, retain],
  ])
}

/** The message as a term; `Extra` is empty, as EMQX empties it. */
function linkMessageTerm(message: Message, id: Buffer): Tuple {
  return tuple(
    atoms.message,
    id,
    message.qos,
    binary(message.from),
    message.retain ? flagsRetain : flagsPlain,
    headersTerm(message),
    binary(message.topic),
    message.payload,
    message.timestampMs,
    emptyMap,
  )
}

function headersTerm({ username, peerHost, properties }: Message): TermMap {
  const headers: (readonly [Term, Term])[] = [
    [atoms.username, username === undefined ? atoms.undefined : binary(username)],
    [atoms.properties, properties === undefined ? emptyMap : propertiesTerm(properties)],
  ]
  const host = peerHost === undefined ? undefined : addressTerm(peerHost)
  if (host !== undefined) headers.push([atoms.peerhost, host])
  return new TermMap(headers)
}

function propertiesTerm(properties: PublishProperties): TermMap {
  const entries: (readonly [Term, Term])[] = []
  const put = (name: Atom, value: Term | undefined): void => {
    if (value !== undefined) entries.push([name, value])
  }
  put(atoms.payloadFormatIndicator, properties.payloadFormatIndicator)
  put(atoms.messageExpiryInterval, properties.messageExpiryInterval)
  put(atoms.contentType, optionalBinary(properties.contentType))
  put(atoms.responseTopic, optionalBinary(properties.responseTopic))
  put(atoms.correlationData, properties.correlationData)
  put(
    atoms.userProperty,
    properties.userProperties?.map(([name, value]) => tuple(binary(name), binary(value))),
  )
  return new TermMap(entries)
}

function optionalBinary(text: string | undefined): Buffer | undefined {
  return text === undefined ? undefined : binary(text)
}

function fromTerm(term: Term): LinkMessageResult {
  if (!(term instanceof Tuple)) return malformed('wrong_record', 'not a tuple')
  const { elements } = term
  // The id is the sender's: what tells two messages apart here is the broker's own doing.
  const [tag, , qos, from, flags, headers, topic, payload, timestampMs, extra] = elements
  if (elements.length !== 10) return malformed('wrong_record', `a tuple of ${elements.length} elements, not 10`)
  if (!(tag instanceof Atom) || tag.name !== 'message') return malformed('wrong_record', 'not a message record')
  const topicName = textOf(topic)
  if (topicName === undefined) return malformed('bad_field', 'a topic that is no UTF-8 binary')
  const problem = topicNameProblem(topicName)
  if (problem !== undefined) return malformed('bad_topic', `${JSON.stringify(topicName.slice(0, 200))}: ${problem}`)
  if (!isQoS(qos)) return malformed('bad_field', 'a QoS that is none')
  if (typeof timestampMs !== 'number' || !Number.isSafeInteger(timestampMs) || timestampMs < 0)
    return malformed('bad_field', 'a timestamp that is none')
  const payloadBytes = flattened(payload)
  if (payloadBytes === undefined) return malformed('bad_field', 'a payload that is no iodata')
  const message: Message = {
    topic: topicName,
    payload: payloadBytes,
    qos,
    retain: isTrue(lookup(flags, 'retain')),
    properties: propertiesOf(lookup(headers, 'properties')),
    from: nameOf(from) ?? '',
    username: nameOf(lookup(headers, 'username')),
    peerHost: addressOf(lookup(headers, 'peerhost')),
    timestampMs,
    origin: undefined,
  }
  return { type: 'message', message, claimedOrigin: nameOf(lookup(extra, 'link_origin')) }
}

function lookup(term: Term | undefined, name: string): Term | undefined {
  return term instanceof TermMap ? term.at(name) : undefined
}

function isTrue(term: Term | undefined): boolean {
  return term instanceof Atom && term.name === 'true'
}

function isQoS(term: Term | undefined): term is QoS {
  return term === 0 || term === 1 || term === 2
}

/** A client's name is a binary, an internal publisher's an atom; the atom `undefined` says that there is none. */
function nameOf(term: Term | undefined): string | undefined {
  if (term instanceof Atom) return term.name === 'undefined' ? undefined : term.name
  return textOf(term)
}

/** A binary that is an MQTT string: UTF-8 without the null character ([MQTT-1.5.4-2]). */
function textOf(term: Term | undefined): string | undefined {
  return Buffer.isBuffer(term) && isUtf8(term) && !term.includes(0) ? term.toString('utf8') : undefined
}

/** iodata in one piece of its own: a binary, or a list of bytes, binaries and further such lists. */
function flattened(term: Term | undefined): Buffer | undefined {
  if (Buffer.isBuffer(term)) return Buffer.from(term)
  const pieces: (Buffer | number)[] = []
  if (!collect(term, pieces)) return undefined
  return Buffer.concat(pieces.map((piece) => (typeof piece === 'number' ? Buffer.of(piece) : piece)))
}

function collect(term: Term | undefined, pieces: (Buffer | number)[]): boolean {
  if (Buffer.isBuffer(term)) {
    pieces.push(term)
    return true
  }
  if (term instanceof ImproperList) return collectAll(term.elements, pieces) && collect(term.tail, pieces)
  return isList(term) && collectAll(term, pieces)
}

function collectAll(elements: readonly Term[], pieces: (Buffer | number)[]): boolean {
  return elements.every((element) => {
    if (typeof element !== 'number') return collect(element, pieces)
    pieces.push(element)
    return element >= 0 && element <= 255
  })
}

/** The properties that travel with a message; those that are none or of the wrong type are left out, and Topic Alias too. */
function propertiesOf(term: Term | undefined): PublishProperties | undefined {
  const payloadFormatIndicator = lookup(term, 'Payload-Format-Indicator')
  const messageExpiryInterval = lookup(term, 'Message-Expiry-Interval')
  const contentType = textOf(lookup(term, 'Content-Type'))
  const responseTopic = textOf(lookup(term, 'Response-Topic'))
  const correlationData = lookup(term, 'Correlation-Data')
  const userProperties = userPropertiesOf(lookup(term, 'User-Property'))
  const properties: PublishProperties = {
    ...(payloadFormatIndicator === 0 || payloadFormatIndicator === 1 ? { payloadFormatIndicator } : {}),
    ...(isUint32(messageExpiryInterval) ? { messageExpiryInterval } : {}),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined || topicNameProblem(responseTopic) !== undefined ? {} : { responseTopic }),
    ...(Buffer.isBuffer(correlationData) ? { correlationData: Buffer.from(correlationData) } : {}),
    ...(userProperties.length === 0 ? {} : { userProperties }),
  }
  return Object.keys(properties).length === 0 ? undefined : properties
}

function isUint32(term: Term | undefined): term is number {
  return typeof term === 'number' && term >= 0 && term <= 0xffff_ffff
}

function userPropertiesOf(term: Term | undefined): (readonly [name: string, value: string])[] {
  if (!isList(term)) return []
  return term.flatMap((pair) => {
    const [name, value] = pair instanceof Tuple && pair.elements.length === 2 ? pair.elements.map(textOf) : []
    return name === undefined || value === undefined ? [] : [[name, value] as const]
  })
}

function malformed(reason: MalformedMessage, detail: string): LinkMessageResult {
  return { type: 'malformed', reason, detail }
}
