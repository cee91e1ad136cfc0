/** The composition root: the one place that makes the parts of a node and ties them together. */
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { Tail } from './api/live/tail.ts'
import { RuleAuthorizer } from './broker/access/acl/rule-authorizer.ts'
import { Authentication } from './broker/access/authentication/authentication.ts'
import { UserTable } from './broker/access/authentication/user-table.ts'
import { Broker } from './broker/broker.ts'
import type { HookModule, Hooks } from './broker/hooks/hook.ts'
import { MemoryWatch } from './broker/limits/memory-watch.ts'
import { Listening } from './broker/listening.ts'
import type { Logger } from './broker/logger.ts'
import { Server } from './broker/server.ts'
import type { Cluster } from './cluster/cluster.ts'
import type { DecideLinks, LinkEdit } from './cluster/config/link-edits.ts'
import type { Sender } from './cluster/coordination.ts'
import { NodeIncarnations } from './cluster/node-incarnations.ts'
import type { ConfigInput } from './config/config-schema.ts'
import type { Config, LinkConfig } from './config/config.ts'
import { type ConfigChange, describeChange, diffConfig } from './config/diff-config.ts'
import { productVersion } from './config/version.ts'
import type { CoordinationFaults } from './debug/coordination-faults.ts'
import type { DebugSocket } from './debug/debug-socket.ts'
import { LinkFaults } from './debug/link-faults.ts'
import type { LinkGate } from './link/inbound/link-gate.ts'
import type { LinkRuntime } from './link/link-runtime.ts'
import { PeerCertificates } from './link/peer-certificates.ts'
import { defaultProbeTerms, type ProbeTerms } from './link/probe/silence.ts'
import { LossWatch } from './metrics/loss-watch.ts'
import { NodeFacts } from './metrics/node-facts.ts'
import { SysTopics } from './metrics/sys-topics.ts'
import type { OpenedTraces } from './metrics/traces/open-traces.ts'
import { awake } from './node/awake.ts'
import { ComponentLog } from './node/component-log.ts'
import { enableAuthnOf, isVersioning, keepIdentity } from './node/config-of-node.ts'
import { resolve } from './node/configuration-error.ts'
import { connectCluster } from './node/connect-cluster.ts'
import { debugSocketOf } from './node/debug-of.ts'
import { LinksOfFile } from './node/links-of-file.ts'
import { type Machine, systemMachine } from './node/machine.ts'
import { makeLinks } from './node/make-links.ts'
import type { NodeForApi } from './node/node-for-api.ts'
import { lossesOf, nodeLinks, type NodeStatus } from './node/node-status.ts'
import { closeStore, damagedStore, type NodeStore, openStore } from './node/node-store.ts'
import { givenHooks, openHooks } from './node/open-hooks.ts'
import { unreadyReasons } from './node/readiness.ts'
import { serveApi, type ServedApi } from './node/serve-api.ts'
import { SharedUsers } from './node/shared-users.ts'
import { NodeAlarms } from './node/watch-alarms.ts'
import { TransitionHistory } from './transitions/transition-history.ts'

export type { NodeLink, NodeStatus } from './node/node-status.ts'
export { ConfigurationError } from './node/configuration-error.ts'

export type NodeOptions = {
  /** Where the node reports; a pino logger does. Nothing is logged without it. */
  readonly log?: Logger
  /** What it has of the machine that it runs on, where that is to be something else. */
  readonly machine?: Partial<Machine>
  /** Called where something happens, after those of the modules that the configuration names. */
  readonly hooks?: Hooks
  /** How links are probed, where it is to differ from `defaultProbeTerms`. */
  readonly probe?: Partial<ProbeTerms>
  /** Is given, at each start, what the API is built on: all that can be seen of the node from outside. */
  readonly inspect?: (parts: NodeForApi) => void
}

/**
 * A node, not started yet. Nothing of it is global: several may run in one process.
 * @param config as in the file, as an object; what is left out has its default. Throws `ConfigurationError`.
 */
export function createNode(config: ConfigInput, options: NodeOptions = {}): Node {
  return new Node(resolve(config), options)
}

/** How long what waits on links that are up may take to cross when the node stops, milliseconds. */
const LINK_DRAIN_MS = 3_000

/** Lines of the log that are remembered. */
const LOG_LINES_MAX = 1_000

const silent: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export class Node {
  /** Resolves if the node has ended by itself: another process has its name, which it could not know when it started. */
  readonly failed: Promise<Error>
  #config: Config
  /** What runs stands in `#config`. */
  readonly #linksOfFile: LinksOfFile
  readonly #logs: ComponentLog
  readonly #log: Logger
  readonly #machine: Machine
  /** This process among the members of the cluster. */
  readonly #self: Sender
  readonly #incarnations: NodeIncarnations
  /** `undefined` for a node that is alone, and before it has joined. */
  #cluster: Cluster | undefined
  #fail: (error: Error) => void = () => undefined
  readonly #broker: Broker
  readonly #users = new UserTable()
  readonly #authentication: Authentication
  readonly #authorizer: RuleAuthorizer
  readonly #server: Server
  readonly #links: LinkRuntime
  readonly #gate: LinkGate
  readonly #lossWatch: LossWatch
  readonly #sysTopics: SysTopics
  readonly #alarms: NodeAlarms
  readonly #peerCertificates = new PeerCertificates()
  readonly #memoryWatch: MemoryWatch
  readonly #history: TransitionHistory
  readonly #givenHooks: readonly HookModule[]
  readonly #inspect: NodeOptions['inspect']
  /** `undefined` unless the configuration asks for traces. */
  #traces: OpenedTraces | undefined
  readonly #linkFaults: LinkFaults | undefined
  #coordinationFaults: CoordinationFaults | undefined
  #debug: DebugSocket | undefined
  #api: ServedApi | undefined
  readonly #listening: Listening
  #store: NodeStore | undefined
  #phase: 'new' | 'started' | 'stopped' = 'new'
  /** Everything that is needed for it has started. */
  #isServing = false
  #turn: Promise<unknown> = Promise.resolve()

  /** @param config resolved, with every default filled in */
  constructor(config: Config, { log: sink = silent, machine: given, hooks, probe, inspect }: NodeOptions = {}) {
    const machine = { ...systemMachine, ...given }
    const { clock, random, files } = machine
    this.#givenHooks = givenHooks(hooks)
    this.#inspect = inspect
    this.#config = config
    this.#logs = new ComponentLog(sink, config.log.levels, () => clock.nowMs())
    if (config.dashboard !== undefined || config.cluster.nats !== undefined)
      this.#logs.tail = new Tail(LOG_LINES_MAX, randomInt(1, 2 ** 40))
    this.#log = this.#logs.of('node')
    this.#linksOfFile = new LinksOfFile(config.cluster.links, this.#logs.of('config'))
    const log = this.#logs.of('broker')
    this.#machine = machine
    this.#self = { node: config.node.name, boot: randomBytes(8).toString('hex') }
    this.failed = new Promise((resolve) => (this.#fail = resolve))
    this.#broker = new Broker({ mqtt: config.mqtt, retainer: config.retainer, clock, random, log })
    this.#broker.isVersioning = isVersioning(config.cluster)
    this.#authentication = new Authentication(config, {
      users: this.#users,
      clock,
      log,
      enableAuthn: (listener) => enableAuthnOf(this.#config, listener),
    })
    this.#broker.authenticator = this.#authentication
    this.#authorizer = new RuleAuthorizer(config.authorization)
    this.#broker.authorizer = this.#authorizer
    this.#server = new Server(this.#broker, machine.startListener)
    this.#listening = new Listening(this.#server, log)
    this.#history = new TransitionHistory(() => clock.nowMs())
    this.#linkFaults = config.debug?.faults === true ? new LinkFaults(machine.openConnection, clock) : undefined
    this.#incarnations = new NodeIncarnations(config.node.data_dir, () => clock.nowMs(), files)
    const { links, gate } = makeLinks({
      config: () => this.#config,
      self: this.#self,
      joined: () => this.#joined,
      broker: this.#broker,
      clock,
      random,
      log: this.#logs.of('link'),
      probe: { ...defaultProbeTerms, ...probe },
      nextIncarnation: () => this.#incarnations.nextIncarnation(),
      durable: () => this.#store?.links,
      history: this.#history,
      traces: () => this.#traces?.traces,
      open: this.#peerCertificates.watching(this.#linkFaults?.open ?? machine.openConnection),
    })
    this.#links = links
    this.#gate = gate
    this.#broker.linkInlet = this.#gate
    this.#memoryWatch = new MemoryWatch(this.#broker, config.node.max_memory, machine.memory())
    this.#lossWatch = new LossWatch({ clock, log, read: () => lossesOf(this.#broker, this.#links) })
    this.#sysTopics = new SysTopics(new NodeFacts(this.#broker, config.node.name, productVersion()), config.sys_topics)
    this.#alarms = new NodeAlarms({
      config,
      broker: this.#broker,
      server: this.#server,
      links: this.#links,
      certificates: this.#peerCertificates,
      cluster: () => this.#cluster,
      losses: () => lossesOf(this.#broker, this.#links),
      clock,
      log,
    })
  }

  /** Listens and starts the links. It does not wait for any peer. Rejects if a listener can't listen. */
  start(): Promise<void> {
    return this.#inTurn(() => awake(this.#start()))
  }

  /** Clients first, so that nothing more is accepted; then what waits may cross; resolves when nothing of the node is left. */
  stop(): Promise<void> {
    return this.#inTurn(() => awake(this.#stop()))
  }

  async #start(): Promise<void> {
    await this.#openHooks()
    await this.#openTraces()
    this.#openOwnLinks()
    const { node, cluster, listeners } = this.#config
    await this.#connect()
    try {
      // What was kept is there before anything else is: links and clients find it.
      this.#store = openStore(node.data_dir, this.#broker, this.#users, this.#machine, this.#logs.of('store'))
    } catch (error) {
      await this.#cluster?.stop()
      throw error
    }
    this.#phase = 'started'
    this.#memoryWatch.start()
    this.#lossWatch.start()
    this.#sysTopics.start()
    try {
      await this.#join()
      this.#alarms.start()
      const parts = this.#forApi(await this.#shareUsers())
      this.#inspect?.(parts)
      // Who waits for the node to serve can ask from now on whether it does.
      await this.#openApi(parts)
      // First the links: a peer that comes as soon as we listen finds them.
      await this.#restoreLinks()
      await this.#openDebug(parts)
      await this.#authentication.configure(this.#config)
      await this.#listening.start(listeners)
      this.#cluster?.membership.announce()
      this.#isServing = true
    } catch (error) {
      await this.#stop()
      throw error
    }
    this.#warnOfOpenness()
    this.#log.info({ node: node.name, cluster: cluster.name, links: cluster.links.length }, 'node_started')
  }

  /** Rejects with `ConfigurationError`. */
  async #openHooks(): Promise<void> {
    const [{ clock }, log] = [this.#machine, this.#logs.of('broker')]
    const sources = { files: this.#config.hooks, given: this.#givenHooks }
    this.#broker.hooks = await openHooks(sources, { clock, log }, () => this.#config.mqtt.max_packet_size)
  }

  async #openTraces(): Promise<void> {
    const { opentelemetry, node, cluster } = this.#config
    if (!opentelemetry.traces.enable) return
    const { openTraces } = await import('./metrics/traces/open-traces.ts')
    const { clock, random } = this.#machine
    const facts = { node: node.name, cluster: cluster.name, version: productVersion(), clock, random, log: this.#log }
    this.#traces = openTraces(opentelemetry, facts)
    this.#broker.traces = this.#traces.traces
  }

  /** Throws `ClusterError`. */
  #openOwnLinks(): void {
    if (this.#config.cluster.nats !== undefined) return
    this.#setLinks(this.#linksOfFile.openOwn(this.#config, this.#log, this.#machine.files))
    this.#broker.isVersioning = isVersioning(this.#config.cluster)
  }

  /** With what waited in their outboxes before a restart. What was left by links that are gone meanwhile goes, too. */
  async #restoreLinks(): Promise<void> {
    try {
      await this.#store?.links.load()
      await this.#applyLinks(this.#config.cluster.links)
      await this.#gate.restore()
    } catch (error) {
      throw damagedStore(this.#config.node.data_dir, error)
    }
    this.#store?.links.dropOthers(new Set(this.#config.cluster.links.map(({ name }) => name)))
  }

  async #openDebug(parts: NodeForApi): Promise<void> {
    const { debug } = this.#config
    if (debug === undefined) return
    const [linkFaults, coordinationFaults] = [this.#linkFaults, this.#coordinationFaults]
    const resetLedger = (link: string) => this.resetLedger(link)
    this.#debug = debugSocketOf(debug.socket, parts, { resetLedger, linkFaults, coordinationFaults })
    await this.#debug.open()
    this.#logs.of('debug')[debug.faults ? 'warn' : 'info']({ ...debug }, 'debug_socket_opened')
  }

  async #openApi(parts: NodeForApi): Promise<void> {
    const { dashboard, cluster } = this.#config
    if (dashboard !== undefined || cluster.nats !== undefined) this.#api = await serveApi(parts)
  }

  #forApi(sharedUsers: SharedUsers): NodeForApi {
    return {
      config: () => this.#config,
      self: this.#self,
      broker: this.#broker,
      server: this.#server,
      authorizer: this.#authorizer,
      users: this.#users,
      sharedUsers,
      authentication: this.#authentication,
      links: this.#links,
      gate: this.#gate,
      changeLinks: (decide) => this.changeLinks(decide),
      cluster: this.#cluster,
      history: this.#history,
      alarms: this.#alarms,
      spans: () => this.#traces?.counts(),
      unreadyReasons: () => this.#unreadyReasons(),
      clock: this.#machine.clock,
      log: this.#logs.of('api'),
      logs: this.#logs,
    }
  }

  /** Where nobody is asked who they are, and no rule says what they may, a client may also speak as a peer: but for `accept`. */
  #warnOfOpenness(): void {
    if (!this.#broker.authenticator.isOpen) return
    const { node, cluster } = this.#config
    const open = this.#authorizer.isOpen && cluster.links.some(({ accept }) => accept === undefined)
    this.#log.warn({ node: node.name, link_namespace: open }, 'node_is_open_to_everybody')
  }

  // ---- the cluster

  /**
   * Connects to what the cluster coordinates through, if the configuration says that there is a cluster. What was cleared of retained
   * messages is remembered for other nodes alone, so that the broker has to know of them before it opens its store.
   */
  async #connect(): Promise<void> {
    const { cluster } = this.#config
    if (cluster.nats === undefined) return
    const { cluster: joining, faults } = await connectCluster(cluster.nats, {
      config: this.#config,
      self: this.#self,
      broker: this.#broker,
      machine: this.#machine,
      log: this.#logs.of('cluster'),
      history: this.#history,
      life: this.#incarnations.nextIncarnation(),
      listeners: () => this.#listening.addresses,
      effects: {
        links: (links) =>
          void this.#inTurn(async () => {
            if (this.#phase === 'started') await this.#followLinks(links)
          }),
        slot: (slot) => this.#links.setSlot(slot),
        connection: (isConnected) => this.#links.setCoordinationLost(!isConnected),
        nameTaken: (error) => this.#fail(error),
      },
    })
    this.#cluster = joining
    this.#coordinationFaults = faults
    this.#broker.members = this.#cluster
    this.#broker.holdWills()
  }

  /** Becomes a member of the cluster. Rejects with `ClusterError`. */
  async #join(): Promise<void> {
    if (this.#cluster === undefined) return
    this.#broker.directory = this.#cluster.directory
    await this.#cluster.start()
    this.#broker.releaseWills()
    this.#setLinks(this.#cluster.links)
  }

  /** Those that were made over the API of any member are known before clients come. */
  #shareUsers(): Promise<SharedUsers> {
    const store = this.#store?.records
    assert(store !== undefined, 'users are shared after the store was opened')
    const [self, table, cluster, log] = [this.#self, this.#users, this.#cluster, this.#log]
    return SharedUsers.start({ self, table, store, cluster, clock: this.#machine.clock, log })
  }

  get #joined(): Cluster {
    if (this.#cluster === undefined) throw new Error('links start after the node has joined its cluster')
    return this.#cluster
  }

  /** The links of the cluster are others now. */
  async #followLinks(links: readonly LinkConfig[]): Promise<void> {
    this.#setLinks(links)
    await this.#applyLinks(links)
  }

  #setLinks(links: readonly LinkConfig[]): void {
    this.#config = { ...this.#config, cluster: { ...this.#config.cluster, links } }
    this.#linksOfFile.tellDifferences(links)
  }

  async #stop(): Promise<void> {
    this.#phase = 'stopped'
    this.#isServing = false
    this.#links.beginStop()
    await this.#server.close()
    await this.#gate.leave()
    this.#memoryWatch.stop()
    this.#lossWatch.stop()
    this.#sysTopics.stop()
    this.#alarms.stop()
    this.#authentication.stop()
    await this.#links.stop(LINK_DRAIN_MS)
    // Until now it tells whoever asks that no more clients are to come.
    await this.#api?.close()
    this.#gate.stop()
    await this.#broker.hooks?.close()
    await this.#traces?.close()
    await this.#cluster?.stop()
    await this.#debug?.close()
    await closeStore(this.#broker, this.#store)
    this.#listening.closed()
    this.#log.info({ node: this.#config.node.name }, 'node_stopped')
  }

  /** The same as `reload` for a configuration as `createNode` takes it. Rejects with `ConfigurationError`, and then nothing has changed. */
  async reconfigure(config: ConfigInput): Promise<readonly ConfigChange[]> {
    return this.reload(resolve(config))
  }

  /**
   * Goes over to another configuration without a restart, as far as that can be done; what can't is logged and kept as
   * it was. Returns all that differs.
   */
  reload(after: Config): Promise<readonly ConfigChange[]> {
    return this.#inTurn(() => this.#reload(after))
  }

  /** Two changes at once, or a change and the end, would each find the other half done. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work)
    this.#turn = Promise.allSettled([result])
    return result
  }

  async #reload(after: Config): Promise<readonly ConfigChange[]> {
    if (this.#phase === 'stopped') return []
    const before = { ...this.#config, cluster: { ...this.#config.cluster, links: this.#linksOfFile.links } }
    const changes = diffConfig(before, after)
    const kept = keepIdentity(this.#config, after)
    const { edits, own, forget } = this.#linksOfFile.reread(kept.cluster.links)
    // Of a cluster the links that run are those that it shares, which this change is yet to reach.
    const links = this.#cluster === undefined ? own : this.#config.cluster.links
    this.#config = { ...kept, cluster: { ...kept.cluster, links } }
    this.#logs.configure(after.log.levels)
    const log = this.#logs.of('config')
    for (const change of changes) {
      if (change.type === 'needs_restart') log.warn(describeChange(change), 'config_change_needs_restart')
      else log.info(describeChange(change), 'config_changed')
      if (change.type === 'mqtt_changed') this.#broker.configure(change.after)
      if (change.type === 'authorization_changed') this.#authorizer.configure(change.after)
      if (change.type === 'retainer_changed') this.#broker.configure(this.#config.mqtt, change.after)
      if (change.type === 'sys_topics_changed') this.#sysTopics.configure(change.after)
      if (change.type === 'alarm_changed') this.#alarms.watch.configure(change.after)
    }
    if (this.#phase === 'started') await this.#applyChanges(changes)
    if (this.#linksOfFile.areOwn) this.#linksOfFile.tellDifferences(links)
    if (!(await this.#shareLinks(edits))) forget()
    return changes
  }

  /**
   * Changes the links while the node runs: of a cluster on all of its nodes; those of a node alone also outlive it, beside its
   * file. Resolves with what is to run, once it does so here. Rejects with what `decide` throws, or with `ClusterError`: then nothing
   * has changed.
   */
  async changeLinks(decide: DecideLinks): Promise<readonly LinkConfig[]> {
    if (this.#phase !== 'started') throw new Error('the node does not run')
    if (this.#linksOfFile.areOwn) {
      return this.#inTurn(async () => {
        const links = this.#linksOfFile.changeOwn(decide)
        await this.#followLinks(links)
        return links
      })
    }
    const links = await this.#joined.changeLinks(decide)
    // What the cluster told us of it waits for its turn.
    await this.#inTurn(() => Promise.resolve())
    return links
  }

  /** What was changed in the file of this member runs on all, or nowhere. Returns whether it does. */
  async #shareLinks(edits: readonly LinkEdit[]): Promise<boolean> {
    if (this.#cluster === undefined) return true
    try {
      if (edits.length > 0) await this.#cluster.changeLinks(() => edits)
      return true
    } catch (error) {
      this.#log.error({ err: error, links: edits.length }, 'shared_links_change_failed')
      return false
    }
  }

  async #applyChanges(changes: readonly ConfigChange[]): Promise<void> {
    await this.#applyAuthentication()
    await this.#listening.apply(changes)
    await this.#applyLinks(this.#config.cluster.links)
  }

  /** At every reload: users may have been added to a bootstrap file whose name is the same. */
  async #applyAuthentication(): Promise<void> {
    try {
      await this.#authentication.configure(this.#config)
    } catch (error) {
      this.#log.error({ err: error }, 'authentication_change_failed')
    }
  }

  async #applyLinks(links: readonly LinkConfig[]): Promise<void> {
    this.#broker.isVersioning = isVersioning(this.#config.cluster)
    this.#links.apply(links)
    await this.#links.applied
    this.#gate.linksChanged()
  }

  status(): NodeStatus {
    const { node, cluster } = this.#config
    return {
      node: node.name,
      cluster: cluster.name,
      listeners: this.#listening.addresses,
      api: this.#api?.address,
      connections: this.#server.connectionCount,
      links: nodeLinks(this.#links, this.#gate),
    }
  }

  /** Why clients are not to be sent here; empty if they are. */
  #unreadyReasons(): readonly string[] {
    return unreadyReasons({
      phase: this.#isServing ? 'serving' : this.#phase === 'stopped' ? 'stopping' : 'starting',
      listeners: this.#config.listeners,
      addresses: this.#listening.addresses,
      isStoreFailing: this.#broker.journal.isFailing,
    })
  }

  /** Both accounts of a link begin anew; what waits or flies is what has matched from now on. `false` if there is no such link. */
  resetLedger(link: string): boolean {
    if (this.#links.status(link) === undefined) return false
    this.#links.resetLedger(link)
    this.#gate.resetMessages(link)
    return true
  }
}
