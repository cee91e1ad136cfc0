/**
 * Network namespaces of Linux: each cluster has one of its own, and between them stands a router that drops packets when it is told to.
 * What is dropped there is dropped as in a network: nobody is told, and TCP sends it again. Clients reach a cluster by a wire that
 * does not go by the router.
 *
 *   cluster 0 --- router --- cluster 1
 *       \                      /
 *        our own namespace: clients
 */
import { passed } from '../passed.ts'
import { ask, orNotHere } from './command.ts'

export type Namespaces = {
  /** A command line that runs what follows it there. */
  within(cluster: number): readonly string[]
  /** Where other clusters find it, and where clients do. */
  addressOf(cluster: number): string
  clientAddressOf(cluster: number): string
  /** Drops what is on its way to the cluster. Resolves when it does; what it resolves with says how, and ends it. */
  drop(cluster: number, percent: number): Promise<{ readonly remark?: string; end(): Promise<void> }>
  remove(): Promise<void>
}

/** Of the range that is kept for tests of networks (RFC 2544), so that no real one is in the way. */
const between = (cluster: number, host: number): string => `198.18.${cluster}.${host}`
const toClients = (cluster: number, host: number): string => `198.19.${cluster}.${host}`
const SLICE_MS = 50

/** Throws `NotHere` where they may not be made. */
export async function makeNamespaces(count: number, random: () => number): Promise<Namespaces> {
  const tag = `ch${process.pid.toString(36)}`
  const router = `${tag}-router`
  const names = Array.from({ length: count }, (_, index) => `${tag}-${index}`)
  const remove = async (): Promise<void> => {
    for (const name of [router, ...names]) await ask('ip', 'netns', 'del', name)
  }
  await orNotHere('network namespaces', async () => {
    for (const name of [router, ...names]) await ask('ip', 'netns', 'add', name)
    await ask('ip', 'netns', 'exec', router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    for (const [index, name] of names.entries()) {
      await wire({ near: router, far: name, tag: `${tag}r${index}`, addresses: [between(index, 1), between(index, 2)] })
      await wire({
        near: undefined,
        far: name,
        tag: `${tag}c${index}`,
        addresses: [toClients(index, 1), toClients(index, 2)],
      })
      await ask('ip', '-n', name, 'route', 'add', '198.18.0.0/16', 'via', between(index, 1))
    }
  })

  const blackhole = (act: 'add' | 'del', cluster: number): Promise<string> =>
    ask('ip', '-n', router, 'route', act, 'blackhole', `${between(cluster, 2)}/32`)
  const dropAll = async (cluster: number) => {
    await blackhole('add', cluster)
    return {
      end: async () => {
        await blackhole('del', cluster)
      },
    }
  }
  return {
    within: (cluster) => ['ip', 'netns', 'exec', names[cluster]!],
    addressOf: (cluster) => between(cluster, 2),
    clientAddressOf: (cluster) => toClients(cluster, 2),
    drop: async (cluster, percent) => {
      if (percent >= 100) return dropAll(cluster)
      const device = `${tag}r${cluster}n`
      const netem = ['root', 'netem', 'loss', `${percent}%`]
      try {
        await ask('tc', '-n', router, 'qdisc', 'add', 'dev', device, ...netem)
        return {
          end: async () => {
            await ask('tc', '-n', router, 'qdisc', 'del', 'dev', device, 'root')
          },
        }
      } catch {
        // A kernel without netem knows all or nothing: so nothing passes in that part of the time.
        const remark = `this kernel has no netem: the router drops everything in ${percent} % of slices of ${SLICE_MS} ms instead`
        return { remark, end: dropInSlices(() => dropAll(cluster), percent, random) }
      }
    },
    remove,
  }
}

type Wire = {
  /** A namespace; our own, if `undefined`. */
  readonly near: string | undefined
  readonly far: string
  /** Of the devices, whose names may have 15 letters. */
  readonly tag: string
  readonly addresses: readonly [string, string]
}

async function wire({ near, far, tag, addresses }: Wire): Promise<void> {
  const [nearEnd, farEnd] = [`${tag}n`, `${tag}f`]
  await ask('ip', 'link', 'add', nearEnd, 'type', 'veth', 'peer', 'name', farEnd)
  const nearPlace = near === undefined ? [] : ['-n', near]
  if (near !== undefined) await ask('ip', 'link', 'set', nearEnd, 'netns', near)
  await ask('ip', 'link', 'set', farEnd, 'netns', far)
  for (const [place, device, address] of [
    [nearPlace, nearEnd, addresses[0]],
    [['-n', far], farEnd, addresses[1]],
  ] as const) {
    await ask('ip', ...place, 'addr', 'add', `${address}/24`, 'dev', device)
    await ask('ip', ...place, 'link', 'set', device, 'up')
  }
}

/** Begins at once; what it returns ends it and resolves when all passes again. */
function dropInSlices(
  dropAll: () => Promise<{ end(): Promise<void> }>,
  percent: number,
  random: () => number,
): () => Promise<void> {
  const over = new AbortController()
  const dropping = (async () => {
    while (!over.signal.aborted) {
      const isDropped = random() * 100 < percent
      const dropped = isDropped ? await dropAll() : undefined
      await passed(SLICE_MS, over.signal)
      await dropped?.end()
    }
  })()
  return async () => {
    over.abort()
    await dropping
  }
}
