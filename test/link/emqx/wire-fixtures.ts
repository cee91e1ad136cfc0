/** The recorded conversations of real EMQX nodes, as `test/fixtures/wire/` holds them. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

export type WireEntry = {
  readonly step: string
  /** Seconds since the recording began. */
  readonly t: number
  /** An MQTT packet, or in brackets an event: `(step)`, `(tcp_open)`, `(tcp_close by sender)`. */
  readonly mqtt_packet_type: string
  readonly note?: string
  readonly conn?: number
  /** `B->A` for a packet, the name of one side for an event. */
  readonly direction?: string
  /** Which side dialled whom, as `A->B`. */
  readonly link?: string
  readonly clientid?: string | null
  readonly proto_ver?: 3 | 4 | 5
  readonly username?: string
  readonly filters?: readonly { readonly filter: string; readonly qos: 0 | 1 | 2 }[]
  readonly reason_codes?: readonly number[]
  readonly reason_code?: number
  readonly packet_id?: number
  readonly topic?: string
  readonly qos?: 0 | 1 | 2
  readonly retain?: boolean
  readonly properties?: Readonly<Record<string, string | number>>
  readonly payload_hex?: string
  /** The payload as Erlang prints it; absent where Erlang could not decode it. */
  readonly decoded?: string
  /** The whole packet. */
  readonly raw_hex?: string
}

export type GoldenTerm = { readonly name: string; readonly text: string } & Readonly<Record<GoldenForm, string>>
export type GoldenForm =
  | 'default'
  | 'compressed'
  | 'compressed1'
  | 'compressed9'
  | 'deterministic'
  | 'minor0'
  | 'minor1'

export const readGoldenTerms = (): readonly GoldenTerm[] => readFixture('golden-etf.json')

/** What `binary_to_term(Bytes, [safe])` says to inputs of doubtful form. */
export const readGoldenBad = (): readonly { readonly hex: string; readonly safe: 'ok' | 'badarg' }[] =>
  readFixture('golden-etf-bad.json')

export type Conversation = 'two-nodes' | 'hand-made-dialler'
export const readConversation = (name: Conversation): readonly WireEntry[] => readFixture(`${name}.json`)

/** The correlation data and the like, which the recording writes as `hex:...`. */
export function bytesOf(property: string | number | undefined): Buffer | undefined {
  if (typeof property !== 'string') return undefined
  return property.startsWith('hex:') ? Buffer.from(property.slice(4), 'hex') : Buffer.from(property)
}

/** Tests run from the root of the package. */
function readFixture(file: string) {
  return JSON.parse(readFileSync(resolve('test/fixtures/wire', file), 'utf8'))
}
