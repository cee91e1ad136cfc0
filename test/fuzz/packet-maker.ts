/** Packets as clients send them, and as they must not: each field and each length may be wrong. */
import type { Random } from './random.ts'
import { uint } from './term-maker.ts'

export type Version = 3 | 4 | 5

/** How likely a length says something else than what follows. */
const FORGED = 0.01

const names = [
  'a',
  'a/b',
  'a/+',
  'a/#',
  '#',
  '+',
  '+/+',
  '/',
  'a//b',
  '$SYS/x',
  '$LINK/cluster/route/x',
  '$LINK/cluster/resp/cl/n',
  '$share/g/a/+',
]
const wrongNames = [
  '',
  '\0',
  'a/#/b',
  'a+',
  '$share/g',
  '$share//a',
  '$share/+/a',
  '\ufeff',
  'x'.repeat(65_535),
  '/'.repeat(200),
  '/'.repeat(20_000),
  '#/',
]
const wrongBytes = [
  Buffer.of(0xff, 0xfe),
  Buffer.of(0xed, 0xa0, 0x80),
  Buffer.of(0xc0, 0x80),
  Buffer.of(0xf4, 0x90, 0x80, 0x80),
]
const clientIds = ['c0', 'c1', 'c2', '', 'x'.repeat(100)]

/** Identifier and value kind of the properties of MQTT 5 (table 2-4), of every packet. */
const properties = [
  [0x01, 'byte'],
  [0x02, 'four'],
  [0x03, 'text'],
  [0x08, 'text'],
  [0x09, 'binary'],
  [0x0b, 'variable'],
  [0x11, 'four'],
  [0x15, 'text'],
  [0x16, 'binary'],
  [0x17, 'byte'],
  [0x19, 'byte'],
  [0x1f, 'text'],
  [0x21, 'two'],
  [0x22, 'two'],
  [0x23, 'two'],
  [0x24, 'byte'],
  [0x26, 'pair'],
  [0x27, 'four'],
] as const
type Property = (typeof properties)[number]
const belong: Readonly<
  Record<'connect' | 'will' | 'publish' | 'subscribe' | 'acknowledge' | 'disconnect', readonly number[]>
> = {
  connect: [0x11, 0x21, 0x22, 0x26, 0x27, 0x17, 0x19],
  will: [0x01, 0x02, 0x03, 0x08, 0x09, 0x26],
  publish: [0x01, 0x02, 0x03, 0x08, 0x09, 0x23, 0x26],
  subscribe: [0x0b, 0x26],
  acknowledge: [0x1f, 0x26],
  disconnect: [0x11, 0x1f, 0x26],
}

export class PacketMaker {
  readonly #random: Random
  readonly #version: Version
  /** About the most that a packet grows to. */
  readonly #bytesMax: number

  constructor(random: Random, version: Version, bytesMax: number) {
    this.#random = random
    this.#version = version
    this.#bytesMax = bytesMax
  }

  /** Anything that a client may send once it is connected, and what it may not. */
  any(): Buffer {
    const random = this.#random
    const kind = random.fraction()
    if (kind < 0.35) return this.publish()
    if (kind < 0.5) return this.subscribe()
    if (kind < 0.57) return this.unsubscribe()
    if (kind < 0.8) return this.acknowledgement()
    if (kind < 0.86) return this.#packet(0xc0, [])
    if (kind < 0.88) return this.disconnect()
    if (kind < 0.9) return this.connect()
    if (kind < 0.94) return this.#packet(random.below(256), [random.bytes(random.size(40))])
    return kind < 0.97 ? this.#forged() : this.#huge()
  }

  connect(): Buffer {
    const random = this.#random
    const has = (probability: number): boolean => random.chance(probability)
    const will = has(0.3)
    const username = has(0.3)
    const password = username && has(0.7)
    const flags =
      (has(0.6) ? 2 : 0) |
      (will ? 4 | (random.below(3) << 3) | (has(0.3) ? 32 : 0) : 0) |
      (password ? 64 : 0) |
      (username ? 128 : 0)
    const version = has(0.97) ? this.#version : random.below(256)
    return this.#packet(0x10, [
      this.#string(has(0.98) ? (this.#version === 3 ? 'MQIsdp' : 'MQTT') : random.pick(['MQTT', 'mqtt', '', 'MQIsdp'])),
      Buffer.of(has(0.98) ? version : version | 0x80, has(0.97) ? flags : random.below(256)),
      uint(random.pick([0, 1, 60, 65_535]), 2),
      this.#properties('connect'),
      this.#string(random.pick(clientIds)),
      ...(will ? [this.#properties('will'), this.#name(), this.#binary(random.bytes(random.size(300)))] : []),
      ...(username ? [this.#string('u')] : []),
      ...(password ? [this.#binary(Buffer.from('p'))] : []),
    ])
  }

  publish(): Buffer {
    const random = this.#random
    const qos = random.chance(0.98) ? random.below(3) : 3
    const first = 0x30 | (qos << 1) | (random.chance(0.2) ? 1 : 0) | (random.chance(0.1) ? 8 : 0)
    const payload = random.chance(0.1)
      ? Buffer.alloc(0)
      : random.bytes(random.size(random.chance(0.9) ? 200 : this.#bytesMax))
    return this.#packet(first, [
      this.#name(),
      ...(qos > 0 ? [this.#packetId()] : []),
      this.#properties('publish'),
      payload,
    ])
  }

  subscribe(): Buffer {
    const random = this.#random
    const filters = random.list(random.chance(0.9) ? random.below(4) : random.size(200), () =>
      Buffer.concat([
        this.#name(),
        Buffer.of(
          random.chance(0.95) ? random.below(3) | (this.#version === 5 ? random.below(12) << 2 : 0) : random.below(256),
        ),
      ]),
    )
    return this.#packet(0x82, [this.#packetId(), this.#properties('subscribe'), ...filters])
  }

  unsubscribe(): Buffer {
    const filters = this.#random.list(this.#random.below(4), () => this.#name())
    return this.#packet(0xa2, [this.#packetId(), this.#properties('subscribe'), ...filters])
  }

  acknowledgement(): Buffer {
    const random = this.#random
    const first = random.pick([0x40, 0x50, 0x62, 0x70])
    const more = this.#version === 5 && random.chance(0.3)
    const reason = more ? [Buffer.of(random.pick([0, 0x10, 0x80, 0x92, random.below(256)]))] : []
    return this.#packet(first, [
      this.#packetId(),
      ...reason,
      ...(more && random.chance(0.3) ? [this.#properties('acknowledge')] : []),
    ])
  }

  disconnect(): Buffer {
    const random = this.#random
    if (this.#version < 5 || random.chance(0.5)) return this.#packet(0xe0, [])
    return this.#packet(0xe0, [Buffer.of(random.pick([0, 4, random.below(256)])), this.#properties('disconnect')])
  }

  /** Announces far more than comes. */
  #forged(): Buffer {
    const random = this.#random
    const first = random.pick([0x10, 0x30, 0x32, 0x82, 0xa2, 0xe0, 0x40, 0xf0])
    const length = random.pick([
      'ffffff7f',
      'ffffffff7f',
      'ffffffffff',
      '80808001',
      '8080808001',
      '8000',
      '808000',
      'ff',
      '808040',
      'ffff3f',
    ])
    return Buffer.concat([Buffer.of(first), Buffer.from(length, 'hex'), random.bytes(random.size(64))])
  }

  /** As many small parts as a packet holds. */
  #huge(): Buffer {
    const random = this.#random
    const room = random.size(this.#bytesMax - 64)
    const fill = (unit: Buffer, bytes = room): Buffer =>
      Buffer.concat(Array.from({ length: Math.floor(bytes / unit.length) }, () => unit))
    const pairs = (bytes = room): Buffer => {
      const list = fill(
        random.pick([
          Buffer.of(0x26, 0, 0, 0, 0),
          Buffer.from('260001610001ff', 'hex'),
          Buffer.from('26000161000162', 'hex'),
        ]),
        bytes,
      )
      return Buffer.concat([variable(list.length), list])
    }
    const numbered = (): Buffer =>
      Buffer.concat(
        Array.from({ length: Math.floor(room / 10) }, (_, at) => Buffer.concat([this.#plain(`f/${at}`), Buffer.of(1)])),
      )
    const none = this.#version === 5 ? [Buffer.of(0)] : []
    const withPairs = this.#version === 5 ? [pairs()] : []
    return random.pick([
      () => this.#packet(0x82, [this.#packetId(), ...none, fill(Buffer.concat([this.#plain('a'), Buffer.of(0)]))]),
      () => this.#packet(0x82, [this.#packetId(), ...none, numbered()]),
      () =>
        this.#packet(0x82, [
          this.#packetId(),
          ...none,
          fill(Buffer.concat([this.#plain('/'.repeat(100)), Buffer.of(0)])),
        ]),
      () => this.#packet(0xa2, [this.#packetId(), ...none, fill(this.#plain('a'))]),
      () => this.#packet(0x82, [this.#packetId(), ...withPairs, this.#plain('a'), Buffer.of(0)]),
      () => this.#packet(0x30, [this.#plain('a'), ...withPairs, Buffer.from('x')]),
      () => this.#packet(0x40, [this.#packetId(), Buffer.of(0), ...withPairs]),
      () => this.#packet(0xe0, [Buffer.of(0), ...withPairs]),
      () => this.#packet(0x10, [this.#plain('MQTT'), Buffer.of(5, 2), uint(0, 2), pairs(), this.#plain('c0')]),
      () => this.#packet(0x30, [this.#plain('/'.repeat(Math.min(room, 65_535))), ...none, Buffer.from('x')]),
      () => fill(Buffer.of(0xc0, 0)),
      () => fill(Buffer.concat([Buffer.of(0x30, this.#version === 5 ? 4 : 3), this.#plain('a'), ...none])),
      () => fill(Buffer.from('82060001000161 00'.replace(' ', ''), 'hex')),
    ])()
  }

  /** With its fixed header. */
  #packet(first: number, parts: readonly Buffer[]): Buffer {
    const random = this.#random
    const body = Buffer.concat(parts)
    const length = random.chance(FORGED)
      ? random.pick([0, body.length + 1, Math.max(0, body.length - 1), 268_435_455])
      : body.length
    return Buffer.concat([
      Buffer.of(random.chance(0.99) ? first : first ^ (1 << random.below(8))),
      variable(length),
      body,
    ])
  }

  #packetId(): Buffer {
    return uint(this.#random.pick([1, 1, 1, 2, 3, 10, 65_535, this.#random.below(65_536)]), 2)
  }

  #name(): Buffer {
    const random = this.#random
    if (random.chance(0.01)) return this.#binary(random.pick(wrongBytes))
    return this.#string(random.chance(0.94) ? random.pick(names) : random.pick(wrongNames))
  }

  #properties(packet: keyof typeof belong): Buffer {
    if (this.#version < 5) return Buffer.alloc(0)
    const random = this.#random
    const ids = random.list(random.chance(0.6) ? 0 : random.below(5), () => random.pick(belong[packet]))
    const list = Buffer.concat(
      ids
        .map((id) => this.#property(properties.find(([known]) => known === id)!))
        .concat(random.chance(0.01) ? [this.#property(random.pick(properties))] : []),
    )
    const length = random.chance(FORGED) ? random.pick([0, list.length + 1, 127, 16_383, 268_435_455]) : list.length
    return Buffer.concat([variable(length), list])
  }

  #property([id, kind]: Property): Buffer {
    const random = this.#random
    switch (kind) {
      case 'byte':
        return Buffer.of(id, random.pick([0, 1, 1, 2]))
      case 'two':
        return Buffer.concat([Buffer.of(id), uint(random.pick([0, 1, 2, 10, 65_535]), 2)])
      case 'four':
        return Buffer.concat([Buffer.of(id), uint(random.pick([0, 1, 60, 100, 2 ** 32 - 1]), 4)])
      case 'variable':
        return Buffer.concat([Buffer.of(id), variable(random.pick([0, 1, 127, 128, 268_435_455]))])
      case 'text':
        return Buffer.concat([
          Buffer.of(id),
          random.chance(0.9) ? this.#string(random.pick(['x', 'a/b', ''])) : this.#name(),
        ])
      case 'binary':
        return Buffer.concat([Buffer.of(id), this.#binary(random.bytes(random.size(100)))])
      case 'pair':
        return Buffer.concat([Buffer.of(id), this.#string('k'), this.#string(random.pick(['v', '', 'ä']))])
    }
  }

  #string(text: string): Buffer {
    return this.#binary(Buffer.from(text))
  }

  #plain(text: string): Buffer {
    const bytes = Buffer.from(text)
    return Buffer.concat([uint(bytes.length, 2), bytes])
  }

  #binary(bytes: Buffer): Buffer {
    const random = this.#random
    const length = random.chance(FORGED)
      ? random.pick([0, bytes.length + 1, Math.max(0, bytes.length - 1), 65_535])
      : bytes.length
    return Buffer.concat([uint(length, 2), bytes])
  }
}

/** A variable byte integer (MQTT 5, 1.5.5). */
export function variable(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  do {
    bytes.push((left & 127) | (left > 127 ? 128 : 0))
    left >>>= 7
  } while (left > 0)
  return Buffer.from(bytes)
}
