/** One scenario from its file to its verdict. */
import { type BulkFilters, subscribeBulk } from './bulk-filters.ts'
import type { PublisherPlan, SubscriberPlan, TrafficPlan } from './checker/plan.ts'
import { judge } from './checker/judge.ts'
import { ratesOf } from './checker/rates.ts'
import { startTraffic } from './checker/traffic.ts'
import type { Fault, Verdict } from './checker/verdict.ts'
import { passed } from './passed.ts'
import type { ScenarioResult } from './report/scenario-result.ts'
import type { Scenario, Step } from './scenarios/scenario.ts'
import { whenCalm } from './stage/calm.ts'
import { NotHere } from './stage/command.ts'
import { openStage, type Stage } from './stage/chaos-stage.ts'
import { begin, type Begun, kindOf } from './stage/troubles.ts'
import { watchLinks } from './stage/watch-links.ts'

export type RunOptions = {
  /** From 0 to below 1; the same numbers make the same timeline. */
  readonly random: () => number
  readonly minutes?: number | undefined
  readonly say: (line: string) => void
  /** Ends the scenario at once; all is cleaned up. */
  readonly signal: AbortSignal
}

const CALM_MS = 60_000
const FLOWING_MS = 30_000
const SETTLE_MS = 3_000

/** Never rejects: what breaks is a result too. */
export async function runScenario(scenario: Scenario, options: RunOptions): Promise<ScenarioResult> {
  const { name, about } = scenario
  try {
    const stage = await openStage(scenario, options.random)
    try {
      const result = await perform(scenario, stage, options)
      return { ...result, notes: [...stage.notes], name, about }
    } finally {
      for (const words of await stage.close()) options.say(`  ${words}`)
    }
  } catch (error) {
    const type = error instanceof NotHere ? 'skipped' : 'failed'
    return { type, name, about, notes: [], reason: error instanceof Error ? error.message : String(error) }
  }
}

async function perform(scenario: Scenario, stage: Stage, { random, minutes, say, signal }: RunOptions) {
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(new Error('stopped by hand'))
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
  })
  stopped.catch(() => undefined)
  const unlessBroken = <T>(done: Promise<T>): Promise<T> => Promise.race([done, stage.failed, stopped])

  const watch = watchLinks(stage.nodes)
  let bulk: BulkFilters | undefined
  try {
    await unlessBroken(calmOrThrow(stage))
    if (scenario.bulkFilters !== undefined) {
      bulk = await unlessBroken(subscribeBulk(stage, scenario.bulkFilters))
      await unlessBroken(calmOrThrow(stage))
    }
    const traffic = await unlessBroken(startTraffic(trafficPlan(scenario, stage)))
    const crossings = stage.crossings()
    let isStopped = false
    try {
      await unlessBroken(traffic.flowing(FLOWING_MS, crossings))
      const { timeline } = scenario
      const steps = typeof timeline === 'function' ? timeline(random, minutes ?? scenario.minutes ?? 1) : timeline
      const faults = await unlessBroken(play(stage, steps, say, signal))
      const { healMsMax } = scenario.guarantees
      const unwell = await unlessBroken(whenCalm(stage, healMsMax))
      await unlessBroken(passed(scenario.settleMs ?? SETTLE_MS))
      isStopped = true
      const observed = await unlessBroken(traffic.stop())
      const ledgers = await unlessBroken(stage.ledgers())
      const verdict = judge(observed, { faults, guarantees: { ...scenario.guarantees, crossings }, ledgers })
      return {
        type: 'judged' as const,
        fromMs: observed.fromMs,
        toMs: observed.toMs,
        faults,
        verdict: withUnwell(verdict, unwell, healMsMax),
        rates: ratesOf(observed),
        states: watch.states,
        ledgers,
      }
    } finally {
      if (!isStopped) await traffic.stop({ quietMs: 0, patienceMs: 0, boundMs: 0 })
    }
  } finally {
    await bulk?.close()
    await watch.stop()
  }
}

async function calmOrThrow(stage: Stage): Promise<void> {
  const unwell = await whenCalm(stage, CALM_MS)
  if (unwell.length > 0) throw new Error(`the stage did not become calm: ${unwell.join('; ')}`)
}

/** Links that do not come back are a finding, whatever crossed. */
function withUnwell(verdict: Verdict, unwell: readonly string[], healMsMax: number): Verdict {
  if (unwell.length === 0) return verdict
  const words = `not well ${healMsMax / 1000} s after the last fault: ${unwell.join('; ')}`
  return { ...verdict, holds: false, findings: [...verdict.findings, { severity: 'silent', words }] }
}

/** Resolves with what was done, when the last trouble is over. */
async function play(
  stage: Stage,
  steps: readonly Step[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<readonly Fault[]> {
  const startMs = performance.now()
  const faults: Fault[] = []
  const one = async ({ atMs, forMs = 0, trouble }: Step): Promise<void> => {
    await passed(atMs - (performance.now() - startMs), signal)
    if (signal.aborted) return
    const nowMs = performance.now()
    const begun = await begin(stage, trouble)
    const { fromMs = nowMs } = begun
    const kind = kindOf(trouble)
    const name = `${kind}: ${begun.whom}`
    say(`  ${seconds(fromMs - startMs)} ${name}`)
    await passed(forMs, signal)
    await begun.end()
    faults.push(faultOf(name, kind, fromMs, begun))
    say(`  ${seconds(performance.now() - startMs)} over: ${name}`)
  }
  await Promise.all(steps.map(one))
  return faults.toSorted((a, b) => a.fromMs - b.fromMs)
}

function faultOf(name: string, kind: string, fromMs: number, { crashes }: Begun): Fault {
  return { name, kind, fromMs, toMs: performance.now(), ...(crashes === undefined ? {} : { crashes }) }
}

const DEFAULT_PER_SECOND = 10

/** On each node a publisher of each QoS; on one node of each cluster a subscriber to what each cluster publishes, its own included. */
function trafficPlan({ traffic = {} }: Scenario, { clusters }: Stage): TrafficPlan {
  const { qos = [0, 1, 2], perSecond = DEFAULT_PER_SECOND, payloadBytes } = traffic
  const publishers: PublisherPlan[] = clusters.flatMap((cluster) =>
    cluster.nodes.flatMap((node) =>
      qos.map((level) => ({
        name: `${node.name}-q${level}`,
        cluster: cluster.name,
        url: node.url,
        topic: `${cluster.name}/${node.name}/q${level}`,
        qos: level,
        perSecond,
        ...(payloadBytes === undefined ? {} : { payloadBytes }),
      })),
    ),
  )
  const subscribers: SubscriberPlan[] = clusters.flatMap((cluster) =>
    clusters.map((source, index) => {
      const node = cluster.nodes[index % cluster.nodes.length]!
      return {
        name: `${node.name}-of-${source.name}`,
        cluster: cluster.name,
        url: node.url,
        // Leaves out what stands deeper, so that many filters there are many routes.
        filter: `${source.name}/+/+`,
        qos: 2,
        isDurable: true,
      }
    }),
  )
  return { publishers, subscribers }
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1).padStart(6)} s`
