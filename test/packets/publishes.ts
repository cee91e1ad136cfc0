/** PUBLISH packets as clients send them, for properties. */
import fc from 'fast-check'
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet'
import type { Message, PublishProperties, QoS } from '../../src/packets/message.ts'
import { PublishView } from '../../src/packets/publish-view.ts'

export const qos: fc.Arbitrary<QoS> = fc.constantFrom(0, 1, 2)

/** Strings as MQTT allows them, one in a while long enough for a length of two bytes. */
const string = fc
  .oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ maxLength: 200 }))
  .filter((text) => !/[\0\p{Surrogate}]/u.test(text))
const binary = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))

export const topic: fc.Arbitrary<string> = string
  .map((text) => text.replaceAll(/[+#]/g, '_'))
  .filter((text) => text !== '')

export const payload: fc.Arbitrary<Buffer> = fc
  .oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.uint8Array({ minLength: 120, maxLength: 140 }),
    fc.uint8Array({ minLength: 16_370, maxLength: 16_400 }),
  )
  .map((bytes) => Buffer.from(bytes))

export const properties: fc.Arbitrary<PublishProperties> = fc.record(
  {
    payloadFormatIndicator: fc.constantFrom(0 as const, 1 as const),
    messageExpiryInterval: fc.nat(0xffffffff),
    contentType: string,
    responseTopic: topic,
    correlationData: binary,
    userProperties: fc.array(fc.tuple(string, string), { minLength: 1, maxLength: 5 }),
  },
  { requiredKeys: [], noNullPrototype: true },
)

export const message: fc.Arbitrary<Message> = fc.record(
  {
    topic,
    payload,
    qos,
    retain: fc.boolean(),
    properties: fc
      .option(properties, { nil: undefined })
      .map((found) => (found === undefined || Object.keys(found).length === 0 ? undefined : found)),
    from: string,
    username: fc.option(string, { nil: undefined }),
    peerHost: fc.constant('127.0.0.1'),
    timestampMs: fc.nat(),
    origin: fc.option(fc.constant('far'), { nil: undefined }),
  },
  { noNullPrototype: true },
)

export type Published = {
  readonly version: 4 | 5
  readonly packet: IPublishPacket & { readonly payload: Buffer }
  readonly bytes: Buffer
}

/** What a client sends, as `mqtt-packet` writes it. User Properties have each name once: it does not keep the order of others. */
export const published: fc.Arbitrary<Published> = fc
  .record({
    version: fc.constantFrom(4 as const, 5 as const),
    topic,
    payload,
    qos,
    retain: fc.boolean(),
    dup: fc.boolean(),
    messageId: fc.integer({ min: 1, max: 65_535 }),
    properties: fc.option(properties, { nil: undefined }),
  })
  .map(({ version, properties, ...rest }) => {
    const packet: IPublishPacket & { readonly payload: Buffer } = {
      cmd: 'publish',
      ...rest,
      dup: rest.dup && rest.qos > 0,
    }
    if (version === 5 && properties !== undefined) packet.properties = asPacketProperties(properties)
    return { version, packet, bytes: generate(packet, { protocolVersion: version }) }
  })

/** In the shape of `mqtt-packet`. */
export function asPacketProperties(properties: PublishProperties): NonNullable<IPublishPacket['properties']> {
  const { payloadFormatIndicator, userProperties, ...others } = properties
  const pairs = new Map(userProperties)
  return {
    ...others,
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator: payloadFormatIndicator === 1 }),
    ...(pairs.size === 0 ? {} : { userProperties: Object.assign(Object.create(null), Object.fromEntries(pairs)) }),
  }
}

/** Index of the body of the packet that begins at `start`. */
export function bodyOf(bytes: Buffer, start = 0): number {
  let at = start + 1
  while (bytes[at]! >= 128) at++
  return at + 1
}

export function viewOf(bytes: Buffer, version: 4 | 5): PublishView {
  const view = new PublishView()
  view.read(bytes, 0, bodyOf(bytes), bytes.length, version === 5)
  return view
}

/** What `mqtt-packet` reads in a PUBLISH. */
export function parsePublish(bytes: Buffer, version: 4 | 5): IPublishPacket {
  const found: Packet[] = []
  const packetParser = parser({ protocolVersion: version })
  packetParser.on('packet', (packet) => found.push(packet))
  packetParser.on('error', (error: unknown) => {
    throw error
  })
  packetParser.parse(bytes)
  const [packet] = found
  if (packet?.cmd !== 'publish' || found.length !== 1) throw new Error(`not one PUBLISH: ${bytes.toString('hex')}`)
  return packet
}
