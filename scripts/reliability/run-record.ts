/**
 * What a tool that tests the whole product leaves behind of a run: one JSON file for each kind, of which `render.ts` makes
 * RELIABILITY.md. A record is validated when it is written and when it is read, so that no figure there is made of half a record.
 * A tool builds `{ ...runHeader('sim', commandLine('sim')), ...figures }` at its end and hands it to `writeRecord`.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import * as z from 'zod'

export const KINDS = ['sim', 'mutants', 'model', 'chaos', 'soak', 'fuzz'] as const
export type Kind = (typeof KINDS)[number]

const count = z.int().nonnegative()
const amount = z.number().nonnegative()
const words = z.string().min(1)
/** How many of each: of faults by kind, of dropped messages by reason. */
const tally = z.record(z.string(), count)

const machineSchema = z.strictObject({
  processor: words,
  cores: count,
  memoryGiB: amount,
  /** Versions of Node.js and of the system: `v20.19.0`, `linux x64`. */
  node: words,
  system: words,
})

const headerOf = <K extends Kind>(kind: K) => ({
  kind: z.literal(kind),
  /** The commit that ran, in full; `-dirty` follows if the checkout held changes. */
  commit: z.string().regex(/^[0-9a-f]{40}(-dirty)?$/),
  /** When the record was made, ISO 8601. */
  at: z.iso.datetime(),
  /** What repeats the run, as typed in the checkout. */
  command: words,
  /** Real time that the run took. */
  minutes: amount,
  machine: machineSchema,
})

/** Sums over all nodes and subscribers of a run. A delivery counts once for each subscriber that was to have the message. */
const messagesSchema = z.strictObject({
  /** Taken over from publishers. */
  in: count,
  delivered: count,
  expired: count,
  /** By the ledger's reason. */
  dropped: tally,
  /** Beyond the first of a message that is to come once. */
  doubled: count,
})

/** From the end of a fault until all is well again, milliseconds of the run's own clock, one a fault. */
const healingMs = z.array(amount)

const simSchema = z.strictObject({
  ...headerOf('sim'),
  seeds: count,
  from: count,
  to: count,
  failures: z.array(z.strictObject({ seed: count, invariant: words, story: words })),
  virtualHours: amount,
  realSeconds: amount,
  /** Virtual time over real time, on one core. */
  speedFactor: amount,
  faults: tally,
  messages: messagesSchema,
  healingMs,
})

const mutantsSchema = z.strictObject({
  ...headerOf('mutants'),
  mutants: z
    .array(
      z.strictObject({
        name: words,
        /** `null`: none of the seeds that were tried found it. */
        caughtBySeed: count.nullable(),
        seedsTried: count,
      }),
    )
    .min(1),
})

const modelSchema = z.strictObject({
  ...headerOf('model'),
  systems: z
    .array(
      z.strictObject({
        system: words,
        states: count,
        transitions: count,
        depth: count,
        /** Whether all states within the system's bounds were visited; `false` if only those down to `depth`. */
        isExhaustive: z.boolean(),
        /** The bounds in words: `2 holders, 3 renewals, 1 lost reply`. */
        bounds: words.optional(),
        /** What was found not to hold, each with the steps that lead there. */
        violations: z.array(words),
      }),
    )
    .min(1),
})

const judgementSchema = z.strictObject({
  qos: z.literal([0, 1, 2]),
  /** Whose publisher was told that they are taken; with QoS 0, sent. */
  accepted: count,
  /** Deliveries that were due: once for each subscriber that wanted the message. */
  due: count,
  delivered: count,
  lost: count,
  doubled: count,
  outOfOrder: count,
  misdelivered: count,
})

const chaosSchema = z.strictObject({
  ...headerOf('chaos'),
  scenarios: z
    .array(
      z.strictObject({
        name: words,
        seconds: amount,
        faults: tally,
        judgement: z.array(judgementSchema),
        /** What the nodes' ledgers say of messages that did not come, by reason. */
        dropped: tally,
        healingMs,
        /** What did not hold, in words; none if the scenario passed. */
        failures: z.array(words),
        /** What could not be done on this machine, and what was done instead. */
        remarks: z.array(words),
      }),
    )
    .min(1),
})

/** One figure of one process in one of its lives. */
const slopeSchema = z.strictObject({
  process: words,
  /** Which life of the process, from 1: each restart begins another. */
  life: count.min(1),
  figure: words,
  /** None of what is counted. */
  unit: z.string(),
  samples: count,
  /** The middle value of the second half of the samples. */
  median: z.number(),
  perHour: z.number(),
  /** What it grows by at least, with 99 % of confidence: that is held against the bound. */
  perHourAtLeast: z.number(),
  /** How much it may grow in an hour. The shorter the run, the more of it is room for what goes up and down. */
  perHourMax: z.number(),
  isFlat: z.boolean(),
})

const soakSchema = z.strictObject({
  ...headerOf('soak'),
  processes: count,
  faults: tally,
  slopes: z.array(slopeSchema).min(1),
  messages: z.strictObject({
    /** QoS 1 and 2, acknowledged to their publisher. */
    acknowledged: count,
    due: count,
    delivered: count,
    lost: count,
    doubled: count,
  }),
  /** What clients did meanwhile: connects, subscriptions, takeovers. */
  operations: tally,
  healingMs,
  /** What did not hold, in words. */
  failures: z.array(words),
})

const fuzzSchema = z.strictObject({
  ...headerOf('fuzz'),
  seed: count,
  targets: z
    .array(
      z.strictObject({
        target: words,
        executions: count,
        seconds: amount,
        /** The longest that one input held the event loop up. */
        slowestMs: amount,
        /** What was found, with the command that repeats it. */
        findings: z.array(words),
      }),
    )
    .min(1),
})

export const recordSchema = z.discriminatedUnion('kind', [
  simSchema,
  mutantsSchema,
  modelSchema,
  chaosSchema,
  soakSchema,
  fuzzSchema,
])

export type RunRecord = z.infer<typeof recordSchema>
export type RecordOf<K extends Kind> = Extract<RunRecord, { readonly kind: K }>
export type Machine = z.infer<typeof machineSchema>
export type Slope = z.infer<typeof slopeSchema>
export type RunHeader<K extends Kind = Kind> = {
  readonly kind: K
  readonly commit: string
  readonly at: string
  readonly command: string
  readonly minutes: number
  readonly machine: Machine
}

/** What records are made of themselves: a run does not make its own commit a changed one. */
const NOT_PRODUCT = [':!reliability', ':!RELIABILITY.md']

/**
 * To be called at the end of the run, in the checkout.
 * @param minutes how long the run took; by default as long as this process has been there
 */
export function runHeader<K extends Kind>(kind: K, command: string, minutes = process.uptime() / 60): RunHeader<K> {
  return {
    kind,
    commit: commitNow(),
    at: new Date().toISOString(),
    command,
    minutes: rounded(minutes),
    machine: {
      processor: cpus()[0]?.model.trim() || 'unknown',
      cores: cpus().length,
      memoryGiB: rounded(totalmem() / 2 ** 30),
      node: process.version,
      system: `${process.platform} ${process.arch}`,
    },
  }
}

/** `npm run SCRIPT -- ARGS` with the arguments of this process, but for where the record goes. */
export function commandLine(script: string, args: readonly string[] = process.argv.slice(2)): string {
  const kept = args.filter((arg, index) => !arg.startsWith('--record') && args[index - 1] !== '--record')
  const quoted = kept.map((arg) => (/^[\w.,:=/@+-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`))
  return [`npm run ${script}`, ...(quoted.length === 0 ? [] : ['--', ...quoted])].join(' ')
}

/** Writes `DIR/<kind>.json` in place of the last one, and returns its path. Throws if the record is not of its shape. */
export function writeRecord(directory: string, record: RunRecord): string {
  const text = `${JSON.stringify(recordSchema.parse(record), undefined, 2)}\n`
  const file = recordFile(directory, record.kind)
  mkdirSync(directory, { recursive: true })
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
  return file
}

/** The record of this kind, `undefined` if there is none. Throws, naming the file, if it is not of its shape. */
export function readRecord<K extends Kind>(directory: string, kind: K): RecordOf<K> | undefined {
  const file = recordFile(directory, kind)
  const text = readIfThere(file)
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is no JSON`, { cause: error })
  }
  const parsed = recordSchema.safeParse(value)
  if (!parsed.success) throw new Error(`${file} is no record:\n${z.prettifyError(parsed.error)}`)
  if (!isOf(parsed.data, kind)) throw new Error(`${file} holds a record of ${parsed.data.kind}`)
  return parsed.data
}

function isOf<K extends Kind>(record: RunRecord, kind: K): record is RecordOf<K> {
  return record.kind === kind
}

export function recordFile(directory: string, kind: Kind): string {
  return join(directory, `${kind}.json`)
}

export function commitNow(): string {
  const changes = git('status', '--porcelain', '--untracked-files=no', '--', '.', ...NOT_PRODUCT)
  return git('rev-parse', 'HEAD') + (changes === '' ? '' : '-dirty')
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim()
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** To two decimals. */
function rounded(value: number): number {
  return Math.round(value * 100) / 100
}
