/**
 * What is to be done so that the links that run are those that are desired. It compares the two as they are, after every
 * change and every crash, and does not depend on having seen each edit.
 */
import { isDeepStrictEqual } from 'node:util'
import type { LinkConfig } from '../config/config.ts'

export type LinkStep =
  /** A link that we know nothing of yet; it is not started if it is disabled. */
  | { readonly type: 'create'; readonly config: LinkConfig }
  | { readonly type: 'start'; readonly config: LinkConfig }
  | { readonly type: 'stop'; readonly config: LinkConfig }
  | { readonly type: 'remove'; readonly name: string }
  | ({ readonly type: 'edit'; readonly config: LinkConfig } & EditEffect)

export type EditEffect = {
  /** `restart`: a new incarnation, and so a new bootstrap. */
  readonly routes: 'keep' | 'restart'
  /** `rebuild`: all connections anew. The outbox survives, unlike EMQX's. */
  readonly pool: 'keep' | 'rebuild'
}

/** A link as it stands: its configuration, and whether an actor is there for it (also one that waits for its restart, or failed). */
export type StandingLink = { readonly config: LinkConfig; readonly started: boolean }

export function reconcile(standing: ReadonlyMap<string, StandingLink>, desired: readonly LinkConfig[]): LinkStep[] {
  const names = new Set(desired.map(({ name }) => name))
  const removals = [...standing.keys()].filter((name) => !names.has(name))
  return [
    ...removals.map((name) => ({ type: 'remove', name }) as const),
    ...desired.flatMap((config) => stepFor(config, standing.get(config.name))),
  ]
}

function stepFor(config: LinkConfig, standing: StandingLink | undefined): LinkStep[] {
  if (standing === undefined) return [{ type: 'create', config }]
  if (!config.enable) {
    // A disabled link takes its new settings, which show when it is enabled.
    return standing.started || !isDeepStrictEqual(config, standing.config) ? [{ type: 'stop', config }] : []
  }
  if (!standing.started) return [{ type: 'start', config }]
  const effect = effectOfEdit(standing.config, config)
  return effect === undefined ? [] : [{ type: 'edit', config, ...effect }]
}

/**
 * What an edit restarts, `undefined` if nothing differs. Who we are to the peer, where it is and what we want of it restart our
 * routes, and so does every field that is not named here. Source: EMQX's `emqx_cluster_link_config.erl`.
 */
export function effectOfEdit(before: LinkConfig, after: LinkConfig): EditEffect | undefined {
  const [old, edited] = [partsOf(before), partsOf(after)]
  const differs = (part: keyof Parts) => !isDeepStrictEqual(old[part], edited[part])
  if (differs('identity')) return { routes: 'restart', pool: 'rebuild' }
  if (differs('pool')) return { routes: 'keep', pool: 'rebuild' }
  return differs('passing') ? { routes: 'keep', pool: 'keep' } : undefined
}

type Parts = Record<'identity' | 'pool' | 'passing', object>

function partsOf(config: LinkConfig): Parts {
  const { actor_ttl, stale_ttl, overflow, retained, compression, ...more } = config
  const { resource_opts, pool_size, retry_interval, max_inflight, durable, ...identity } = more
  return {
    identity,
    pool: { resource_opts, pool_size, retry_interval, max_inflight, durable },
    // Ours. They hold from the next message or the next sign of life on.
    passing: { actor_ttl, stale_ttl, overflow, retained, compression },
  }
}
