/** The methods of the debug socket: what each takes, and how the node's parts answer. */
import * as z from 'zod'
import { logComponents } from '../config/log-config.ts'
import { nearestKey } from '../config/nearest-key.ts'
import type { ClusterPort, DebugPort, FaultsPort } from './debug-port.ts'
import { RpcError, rpcErrorCode } from './json-rpc.ts'

/** The connection that asks. */
export interface DebugClient {
  /** Tells it from now on of the transitions of this actor and those below it, or of all; in place of what it watched before. */
  watch(actor: string | undefined): void
}

type Method = (port: DebugPort, params: unknown, client: DebugClient) => unknown

const id = z.string().min(1)
/** A link that answers nothing for an hour is as broken as anybody can want it. */
const faultMs = z.int().min(0).max(3_600_000)
const page = { cursor: z.int().min(0).default(0), limit: z.int().min(1).max(1_000).default(100) }
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

const methods: Readonly<Record<string, Method>> = {
  'actors.list': method({}, ({ actors }) => ({ actors: actors.actors() })),
  'actors.get': method({ actor: id }, ({ actors }, { actor }) => known(actors.actor(actor), `actor ${actor}`)),
  'actors.history': method({ actor: id }, ({ actors }, { actor }) => {
    known(actors.actor(actor), `actor ${actor}`)
    return { actor, transitions: actors.of(actor) }
  }),
  'actors.watch': method({ actor: id.optional() }, ({ actors }, { actor }, client) => {
    if (actor !== undefined) known(actors.actor(actor), `actor ${actor}`)
    client.watch(actor)
    return { watching: actor ?? null }
  }),

  'routes.match': method(
    { topic: z.string(), limit: z.int().min(1).max(10_000).default(100) },
    async ({ routes }, { topic, limit }) => {
      const match = await routes.match(topic, limit)
      if (match !== undefined) return match
      throw new RpcError(rpcErrorCode.invalidParams, `${JSON.stringify(topic)} is no topic: one has no wildcards`)
    },
  ),
  'routes.list': method({ ...page, text: z.string().optional() }, ({ routes }, { text, ...query }) =>
    routes.list({ ...query, text }),
  ),

  'links.list': method({ link: id.optional() }, ({ links }, { link }) => {
    const rows = links.links()
    if (link === undefined) return { links: rows }
    return {
      links: [
        known(
          rows.find(({ name }) => name === link),
          `link ${link}`,
        ),
      ],
    }
  }),
  'ledger.get': method({ link: id }, ({ links }, { link }) => {
    const row = links.links().find(({ name }) => name === link)
    const { ledger, inbound } = known(row, `link ${link}`)
    return { link, ledger: ledger ?? null, inbound: inbound ?? null }
  }),
  'ledger.reset': method({ link: id }, ({ links }, { link }) => {
    known(links.resetLedger(link) || undefined, `link ${link}`)
    return { done: true }
  }),

  'members.list': method({}, ({ cluster }) => ofCluster(cluster, 'members')),
  'leases.list': method({}, ({ cluster }) => ofCluster(cluster, 'leases')),
  'lanes.list': method({}, ({ cluster }) => ofCluster(cluster, 'lanes')),

  'log.level': method(
    { level: z.enum(logLevels).optional(), component: z.enum(logComponents).optional() },
    ({ log }, { level, component }) => {
      if (log === undefined) throw new RpcError(rpcErrorCode.refused, 'the log of this node has no level of its own')
      if (level !== undefined && component !== undefined) log.setLevel?.(component, level)
      else if (level !== undefined) log.level = level
      const of = component === undefined ? undefined : log.levels?.[component]
      return component === undefined ? { level: log.level } : { component, level: of ?? log.level }
    },
  ),

  'fault.kill_actor': fault({ actor: id }, (faults, { actor }) => faults.killActor(actor)),
  'fault.cut': fault({ link: id }, (faults, { link }) => faults.cut(link)),
  'fault.cut_coordination': fault({ ms: faultMs }, (faults, { ms }) => faults.cutCoordination(ms)),
  'fault.pause': fault({ link: id, ms: faultMs }, (faults, { link, ms }) => faults.pause(link, ms)),
  'fault.delay': fault({ link: id, ms: faultMs }, (faults, { link, ms }) => faults.delay(link, ms)),
}

export const methodNames: readonly string[] = Object.keys(methods)

/** Resolves with the result; rejects with `RpcError` for what is the asker's mistake. */
export async function callMethod(
  port: DebugPort,
  name: string,
  params: unknown,
  client: DebugClient,
): Promise<unknown> {
  if (!Object.hasOwn(methods, name)) throw new RpcError(rpcErrorCode.methodNotFound, noMethod(name))
  return methods[name]!(port, params, client)
}

function method<Shape extends z.ZodRawShape>(
  shape: Shape,
  call: (port: DebugPort, params: z.output<z.ZodObject<Shape>>, client: DebugClient) => unknown,
): Method {
  const schema = z.strictObject(shape)
  return (port, params, client) => {
    const read = schema.safeParse(params)
    if (!read.success) throw new RpcError(rpcErrorCode.invalidParams, read.error.issues.map(wordsOf).join('; '))
    return call(port, read.data, client)
  }
}

function fault<Shape extends z.ZodRawShape>(
  shape: Shape,
  call: (faults: FaultsPort, params: z.output<z.ZodObject<Shape>>) => string | undefined,
): Method {
  return method(shape, ({ faults }, params) => {
    if (faults === undefined) {
      const words = 'faults are switched off on this node; debug.faults = true in its configuration allows them'
      throw new RpcError(rpcErrorCode.refused, words)
    }
    const problem = call(faults, params)
    if (problem !== undefined) throw new RpcError(rpcErrorCode.refused, problem)
    return { done: true }
  })
}

function ofCluster(cluster: ClusterPort | undefined, part: 'members' | 'leases' | 'lanes'): object {
  if (cluster !== undefined) return { [part]: cluster[part]() }
  return { [part]: [], note: 'this node is not part of a cluster over NATS' }
}

function known<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RpcError(rpcErrorCode.notFound, `this node has no ${what}`)
  return value
}

function noMethod(name: string): string {
  const meant = nearestKey(name, methodNames)
  return `there is no method ${JSON.stringify(name)}${meant === undefined ? '' : `; did you mean ${meant}?`}`
}

function wordsOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? message : `${path.join('.')}: ${message}`
}
