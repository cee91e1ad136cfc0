/** All hooks of a node. Without any there is no such object: then the broker asks once for each message whether there is. */
import type { Publication } from '../../packets/publication.ts'
import {
  type HookFunctions,
  type HookModule,
  type HookName,
  hookNames,
  HOOK_DEADLINE_MS,
  type WatchName,
} from './hook.ts'
import { HookCall, type HookPorts, wordsOf } from './hook-call.ts'
import { PublishHooks } from './publish-hooks.ts'
import { within } from './within.ts'

/** Hooks that are told of single clients. */
const ofClients: readonly WatchName[] = [
  'client.connected',
  'client.disconnected',
  'session.subscribed',
  'session.unsubscribed',
  'message.delivered',
  'message.acked',
]

export class NodeHooks {
  /** `undefined` where no hook looks at what is published. */
  readonly publish: PublishHooks | undefined
  /** Whether connections are to tell of their clients. */
  readonly watchesClients: boolean
  readonly #watchers: ReadonlyMap<string, readonly HookCall[]>
  readonly #calls: readonly HookCall[]
  readonly #modules: readonly HookModule[]
  readonly #ports: HookPorts

  /** @param modules in the order in which their hooks are called. @param bytesMax of a packet that a hook makes */
  constructor(modules: readonly HookModule[], ports: HookPorts, bytesMax: () => number) {
    this.#modules = modules
    this.#ports = ports
    this.#calls = modules.flatMap((one) => callsOf(one, ports))
    const of = (name: HookName): HookCall[] => this.#calls.filter(({ hook }) => hook === name)
    const publish = of('message.publish')
    this.publish = publish.length === 0 ? undefined : new PublishHooks(publish, bytesMax)
    const watched = hookNames.filter((name) => name !== 'message.publish' && of(name).length > 0)
    this.#watchers = new Map(watched.map((name) => [name, of(name)]))
    this.watchesClients = ofClients.some((name) => this.has(name))
  }

  has(name: WatchName): boolean {
    return this.#watchers.has(name)
  }

  tell<Name extends WatchName>(name: Name, ...given: Parameters<HookFunctions[Name]>): void {
    for (const call of this.#watchers.get(name) ?? []) call.watch(given)
  }

  /** A message was given up. @param clientId of whom it was for; `undefined` where it is nobody in particular */
  dropped(publication: Publication, reason: string, clientId?: string): void {
    this.tell('message.dropped', publication.toMessage(), reason, clientId)
  }

  /** Each with what it did so far, for metrics. */
  calls(): readonly Pick<HookCall, 'module' | 'hook' | 'calls' | 'spentMs' | 'problems'>[] {
    return this.#calls
  }

  /** Lets every module write what it gathered. Resolves when all have, or had their time. */
  async close(): Promise<void> {
    await Promise.all(this.#modules.map((one) => this.#close(one)))
  }

  async #close({ name, hooks }: HookModule): Promise<void> {
    const { clock, log } = this.#ports
    await within(clock, HOOK_DEADLINE_MS, this.#closed(name, hooks), () =>
      log.warn({ hook: 'close', module: name, count: 1, ms: HOOK_DEADLINE_MS }, 'hook_slow'),
    )
  }

  async #closed(module: string, { close }: HookModule['hooks']): Promise<void> {
    try {
      await close?.()
    } catch (error) {
      this.#ports.log.error({ hook: 'close', module, count: 1, reason: wordsOf(error) }, 'hook_failed')
    }
  }
}

function callsOf({ name: module, hooks }: HookModule, ports: HookPorts): HookCall[] {
  return hookNames.flatMap((hook) => {
    const given = hooks[hook]
    if (given === undefined) return []
    return typeof given === 'function'
      ? [new HookCall(module, hook, given.bind(hooks), false, ports)]
      : [new HookCall(module, hook, given.run.bind(given), given.linked === true, ports)]
  })
}
