/** What is measured of a link, against whom, and what it may take: as data. Budgets are ratios to a contestant in the same round. */
import type { QoS } from '../mqtt-bytes.ts'
import type { ContestantId } from './contestants.ts'

export type Ratio = {
  readonly most: number
  /** The first of them that lost nothing. */
  readonly of: readonly ContestantId[]
}

export type ThroughputCell = {
  readonly qos: QoS
  readonly payloadBytes: number
  readonly publishers: number
  /** At the near node the link is durable. */
  readonly isDurable?: boolean
  readonly beside: readonly ContestantId[]
  readonly budget: Ratio
}

const MOSQUITTO: readonly ContestantId[] = ['mosquitto']
const NATS: readonly ContestantId[] = ['nats']
const OTHERS: readonly ContestantId[] = ['mosquitto', 'nats', 'aedes']

/** Mosquitto 2.0.11 loses messages of many publishers at QoS 1 (mended in 2.0.13, #2306), so NATS stands there instead. */
export const THROUGHPUT: readonly ThroughputCell[] = [
  cell(0, 64, 1, ['emqx', ...OTHERS], { most: 0.1, of: MOSQUITTO }),
  cell(0, 64, 50, OTHERS, { most: 0.25, of: MOSQUITTO }),
  cell(1, 64, 1, ['emqx', ...OTHERS], { most: 0.08, of: MOSQUITTO }),
  cell(1, 64, 50, ['nats', 'aedes'], { most: 0.06, of: NATS }),
  cell(0, 1024, 1, MOSQUITTO, { most: 0.5, of: MOSQUITTO }),
  cell(0, 1024, 50, MOSQUITTO, { most: 0.5, of: MOSQUITTO }),
  cell(1, 1024, 1, MOSQUITTO, { most: 0.5, of: MOSQUITTO }),
  cell(1, 1024, 50, NATS, { most: 0.5, of: NATS }),
  { ...cell(1, 64, 1, ['inMemory'], { most: 2.5, of: ['inMemory'] }), isDurable: true },
]

function cell(
  qos: QoS,
  payloadBytes: number,
  publishers: number,
  beside: readonly ContestantId[],
  budget: Ratio,
): ThroughputCell {
  return { qos, payloadBytes, publishers, beside, budget }
}

export type LatencyCell = {
  readonly qos: QoS
  readonly perSecond: number
  readonly beside: readonly ContestantId[]
  /** Of p50 and of p99. */
  readonly budget: Ratio
  /** Of CPU time per message. */
  readonly cpuBudget?: Ratio
}

const AS_MOSQUITTO = { beside: MOSQUITTO, budget: { most: 1.1, of: MOSQUITTO } } as const

export const LATENCY: readonly LatencyCell[] = ([0, 1] as const).flatMap((qos) => [
  { ...AS_MOSQUITTO, qos, perSecond: 2_000, cpuBudget: { most: 2.5, of: MOSQUITTO } },
  { ...AS_MOSQUITTO, qos, perSecond: 20_000 },
])

export type WireCell = {
  readonly qos: QoS
  readonly payloadBytes: number
  readonly wantedCount: number
  readonly beside: readonly ContestantId[]
  /** Times the bytes of the PUBLISH packets that somebody wants, both ways together. */
  readonly most: number
}

export const WIRE: readonly WireCell[] = ([64, 1024] as const).flatMap((payloadBytes) =>
  ([0, 1] as const).map((qos) => ({
    qos,
    payloadBytes,
    wantedCount: 10,
    most: 1.05,
    beside: payloadBytes === 64 ? (['mosquitto', 'nats'] as const) : [],
  })),
)
