/**
 * What belongs to one link and outlives its actors: its outbox and ledger, its sink, its configuration. And what its actors
 * drive: the route session and the members of the pool, which are opened here from the configuration as it is then.
 */
import { createHash } from 'node:crypto'
import { fromCallback, fromPromise } from 'xstate'
import {
  forwardingMachine,
  poolMemberMachine,
  type ForwardingLog,
  type PoolMemberEvent,
} from '../../actors/forwarding.ts'
import { linkMachine, type LinkEvent, type LinkInput, type LinkSettings, type Plane } from '../../actors/link.ts'
import {
  routeSyncMachine,
  type RouteSessionCommand,
  type RouteSyncEvent,
  type RouteSyncLog,
} from '../../actors/route-sync.ts'
import { parseServers } from '../config/address.ts'
import type { LinkConfig } from '../config/config.ts'
import { Ledger } from '../lanes/ledger.ts'
import { Outbox } from '../lanes/outbox/outbox.ts'
import type { Message } from '../packets/message.ts'
import type { GoodbyeReason } from '../routes/route-frames.ts'
import type { OwnRetained } from './broker-port.ts'
import { clientIdOf } from './client-id.ts'
import type { ConnectionOptions, LinkTraffic, OpenConnection } from './connection.ts'
import type { DurableLink, DurableLinks } from './durable/durable-links.ts'
import { endingChildren } from './end-children.ts'
import { FailureLog } from './failure-log.ts'
import { crashed, muteLink, turnedNative } from './link-failure.ts'
import type { LinkPorts } from './link-ports.ts'
import { LinkSender, limitsOf } from './link-sender.ts'
import { encodeGreeting, ourGreeting } from './native/greeting.ts'
import { TurnWatch } from './native/turn-watch.ts'
import { RetainedTeller, type RetainedProgress } from './retained/retained-teller.ts'
import { toldDirective } from './retained/told-message.ts'
import type { PeerSink } from './retained/peer-sink.ts'
import type { Pause } from './pause.ts'
import { LinkProber } from './probe/link-prober.ts'
import { RouteLife } from './route-life.ts'
import { RouteSpeaker, type RouteIdentity } from './route-speaker.ts'
import { SpeakingClaim } from './speaking-claim.ts'
import { maySpeak } from './speaking.ts'
import type { InboundFact, LinkStatus } from './status.ts'

export type LinkShellPorts = LinkPorts & {
  readonly open: OpenConnection
  readonly correlation: () => string
  readonly encode: (message: Message) => Buffer
  readonly defer: (call: () => void) => void
  /** Above that of every outbox that this node had for the peer before. */
  readonly outboxEpoch: () => number
  /** What links keep beyond the process; left out, or `undefined`, where there is no store. */
  readonly durable?: () => Pick<DurableLinks, 'link'> | undefined
  /** Of this node in its cluster, for its ClientIDs; `undefined` for a node alone. */
  readonly slotNow: () => number | undefined
  readonly coordinationLost: () => boolean
  readonly announce: (status: LinkStatus) => void
  /** For the link's actor, if it runs. */
  readonly tell: (event: LinkEvent) => void
}

/** Nothing more is told of old while so many messages wait behind live ones, or so much of the outbox is in use. */
const toldWaitingMax = 1_000
const toldFillMax = 0.5

export class LinkShell {
  readonly name: string
  readonly sender: LinkSender
  readonly prober: LinkProber
  readonly sink: PeerSink
  inbound: InboundFact = { state: 'absent' }
  readonly traffic: LinkTraffic = { bytes: 0, reconnects: 0 }
  /** Members of the pool, by index. */
  readonly #connectedBefore = new Set<number>()
  #config: LinkConfig
  readonly #ports: LinkShellPorts
  readonly #failures: FailureLog
  readonly #claim: SpeakingClaim
  readonly #turn: TurnWatch
  readonly #teller: RetainedTeller | undefined
  #life: RouteLife | undefined
  #pause: Pause | undefined
  #speaker: RouteSpeaker | undefined

  constructor(config: LinkConfig, ports: LinkShellPorts) {
    this.name = config.name
    this.#config = config
    this.#ports = ports
    this.#failures = new FailureLog(config.name, ports.log, () => this.inbound)
    this.prober = this.#newProber()
    this.sender = this.#newSender()
    this.#turn = this.#newTurnWatch()
    this.#claim = new SpeakingClaim(config.name, ports, () => this.#speakingChanged())
    const { sender } = this
    const teller = ports.retained === undefined ? undefined : this.#newTeller(ports.retained)
    this.#teller = teller
    this.sink = {
      id: `link:${config.name}`,
      accept: (publish) => sender.accept(publish),
      get isFailing() {
        return sender.isFailing
      },
      routeAdded: (topicFilter) => teller?.routeAdded(topicFilter),
      routeRemoved: (topicFilter) => teller?.routeRemoved(topicFilter),
    }
  }

  get config(): LinkConfig {
    return this.#config
  }

  get outbox(): Outbox {
    return this.sender.outbox
  }

  /** How far the peer was told of what is retained here; `undefined` unless the link does that. */
  get retainedProgress(): RetainedProgress | undefined {
    return this.#config.retained === 'sync' ? this.#teller?.progress : undefined
  }

  /** The routes that the peer should have of us. */
  get routeCount(): number {
    return this.#life?.source.size ?? 0
  }

  get routes(): Iterable<string> {
    return this.#life?.source.routes() ?? []
  }

  get confirmedRoutes(): number | undefined {
    return this.#life?.told?.confirmed?.size
  }

  /** Takes part in the contest for who speaks to the peer. To be called before the link's actor starts. */
  contest(): void {
    this.#claim.contest()
  }

  /** Leaves it to the other nodes to speak. */
  relinquish(): void {
    this.#claim.release()
    this.#teller?.abandon()
  }

  /** What is to be restarted by it, the caller restarts. */
  edit(config: LinkConfig): void {
    this.#config = config
    this.sender.edit(config)
    if (!config.enable) this.prober.forget()
  }

  get pause(): Pause | undefined {
    return this.#pause
  }

  /** Messages wait from now on, or go again (`undefined`); through reconnects and edits. */
  setPause(pause: Pause | undefined): void {
    const before = this.#pause
    if (before?.by === pause?.by && before?.atMs === pause?.atMs) return
    this.#pause = pause
    this.sender.hold(pause !== undefined)
    this.#ports.tell({ type: 'pause_changed', pause })
    const event = pause === undefined ? 'cluster_link_forwarding_resumed' : 'cluster_link_forwarding_paused'
    this.#ports.log.info({ link: this.name, by: pause?.by ?? before?.by }, event)
  }

  settings(): LinkSettings {
    const { server, ssl, pool_size: poolSize, dialect, resource_opts, retry_interval: ackMs } = this.#config
    const addresses = parseServers(server, ssl).length
    return { poolSize, dialect, connectMs: resource_opts.start_timeout * addresses + 500, ackMs }
  }

  input(): LinkInput {
    const { random, clock } = this.#ports
    return {
      link: this.name,
      settings: this.settings(),
      inbound: this.inbound,
      outbox: { aboveHighWaterMark: this.sender.aboveHighWaterMark },
      speaking: this.#claim.fact,
      coordinationLost: this.#ports.coordinationLost(),
      probe: this.prober.fact,
      pause: this.#pause,
      random,
      nowMs: () => clock.steadyMs(),
    }
  }

  /** The link's actor, with its effects in place. */
  machine(): typeof linkMachine {
    const routeSync = routeSyncMachine.provide({
      actors: {
        session: fromCallback<RouteSessionCommand, object>(({ sendBack, receive }) => {
          const speaker = this.#openSession(sendBack)
          receive((command) => speaker?.command(command))
          return () => this.#closeSession(speaker)
        }),
        rereadRight: fromPromise(() => this.#claim.reread()),
      },
      actions: {
        log: (_args, line) => this.#logRoutes(line),
        endLife: () => this.#endLife(),
        giveWay: () => this.#giveWay(),
      },
    })
    const member = poolMemberMachine.provide({
      actors: {
        client: fromCallback<PoolMemberEvent, { readonly index: number }>(({ sendBack, input: { index } }) => {
          const member = this.sender.pool.openMember(index, sendBack)
          return () => this.sender.pool.closeMember(member)
        }),
      },
      actions: { log: (_args, line) => this.#logForwarding(line) },
    })
    const forwarding = endingChildren(forwardingMachine.provide({ actors: { member: endingChildren(member) } }))
    const machine = linkMachine.provide({
      actors: { routeSync: endingChildren(routeSync), forwarding },
      actions: {
        announce: (_args, status) => this.#ports.announce(status),
        release: (_args, plane) => this.release(plane),
      },
    })
    return endingChildren(machine)
  }

  /** Closes what a plane has open, or both. Harmless if nothing is. */
  release(plane?: Plane): void {
    if (plane !== 'forwarding') {
      this.#speaker?.close()
      this.#speaker = undefined
      this.#endLife()
    }
    if (plane !== 'routeSync') this.sender.pool.closeAll()
  }

  /** The peer greeted us in our own dialect, or answered our greeting. */
  peerIsNative(): void {
    this.#turn.heard()
  }

  /** The peer is to know that the link ends here for good, or until somebody enables it. To be called before the link's actor ends. */
  sayGoodbye(reason: GoodbyeReason): void {
    this.#speaker?.leave(reason)
  }

  /** The link is gone: nothing waits any more, and nothing is left to tick. */
  remove(): void {
    this.release()
    this.relinquish()
    this.#turn.stop()
    this.sender.remove()
  }

  /** Ends all timers; what waits stays in the ledger. */
  stop(): void {
    this.release()
    this.relinquish()
    this.#turn.stop()
    this.sender.stop()
  }

  #speakingChanged(): void {
    const { fact } = this.#claim
    this.#ports.tell({ type: 'speaking_changed', speaking: fact })
    if (maySpeak(fact)) this.#teller?.wake()
    else this.#teller?.abandon()
  }

  /** Who speaks for the cluster tells the peer, too: once is enough. */
  #newTeller(source: OwnRetained): RetainedTeller {
    const { clock, log } = this.#ports
    return new RetainedTeller({
      link: this.name,
      source,
      clock,
      log,
      mayTell: () =>
        this.#config.retained === 'sync' && maySpeak(this.#claim.fact) && this.sender.pool.dialect !== undefined,
      knowsVersions: () => this.sender.pool.dialect === 'native',
      hasRoom: () => this.outbox.backlog < toldWaitingMax && this.outbox.fill < toldFillMax,
      tell: (message) => this.sender.tell(message, toldDirective),
    })
  }

  /** `undefined` if the right to speak was lost just now: that the actor has yet to hear of it changes nothing. */
  #openSession(report: (event: RouteSyncEvent) => void): RouteSpeaker | undefined {
    if (!maySpeak(this.#claim.fact)) return undefined
    try {
      this.#life ??= this.#beginLife()
    } catch (error) {
      if (this.#claim.fact.state === 'alone') throw error
      // No number is left that is on record. Once the nodes reach each other again there will be; the link goes on meanwhile.
      report({ type: 'disconnected', failure: crashed(error) })
      return undefined
    }
    const { open, log, correlation, clock } = this.#ports
    const connection = this.#connectionOptions('routes')
    const speaker = new RouteSpeaker(
      { open, log, correlation, clock },
      this.#routeIdentity,
      this.#life,
      connection,
      (event) => {
        report(event)
        if (event.type === 'actor_init_ok' && event.peer !== undefined) this.peerIsNative()
      },
    )
    this.#speaker = speaker
    return speaker
  }

  get #routeIdentity(): RouteIdentity {
    const { clusterName: localCluster, nodeName: node, actorName, boot } = this.#ports
    const { dialect } = this.#config
    return {
      localCluster,
      peer: this.name,
      actor: actorName ?? node,
      ...(boot === undefined || dialect === 'emqx' ? {} : { self: { node, boot } }),
      nativeOnly: dialect === 'native',
    }
  }

  #closeSession(speaker: RouteSpeaker | undefined): void {
    speaker?.close()
    if (this.#speaker === speaker) this.#speaker = undefined
  }

  #endLife(): void {
    this.#life?.end()
    this.#life = undefined
  }

  /** The peer may be out of reach from here alone. */
  #giveWay(): void {
    this.#ports.log.info({ link: this.name }, 'cluster_link_routerepl_way_given')
    this.#claim.giveWay()
  }

  /** A new incarnation, and all of our interest from the beginning. */
  #beginLife(): RouteLife {
    const { broker, clock, clusterName: cluster } = this.#ports
    return new RouteLife({
      broker,
      clock,
      cluster,
      topics: this.#config.topics,
      incarnation: this.#claim.nextIncarnation(),
      changed: () => this.#speaker?.routesChanged(),
    })
  }

  #newProber(): LinkProber {
    const { clock, random, probe: terms, tell, log, nodeName } = this.#ports
    return new LinkProber({
      clock,
      terms,
      phase: createHash('sha1').update(`${nodeName} ${this.name}`).digest().readUInt16BE(0) / 0x1_0000,
      firstId: terms === undefined ? 0 : Math.floor(random() * 0x1_0000_0000) * 0x10_0000,
      carrier: () => this.sender.pool,
      changed: (probe) => {
        if (probe.state === 'mute') log.warn({ link: this.name, reason: probe.reason }, 'cluster_link_mute')
        tell({ type: 'probe_changed', probe })
      },
      restart: (reason, silentMs) => {
        log.warn({ link: this.name, reason, silent_ms: Math.round(silentMs) }, 'cluster_link_mute_restart')
        tell({ type: 'mute', failure: muteLink(reason) })
      },
    })
  }

  #newSender(): LinkSender {
    const { clock, clusterName, encode, defer, open, tell } = this.#ports
    const durable = this.#ports.durable?.()?.link(this.name)
    return new LinkSender(this.#config, this.#openOutbox(durable), {
      durable,
      prober: this.prober,
      traces: this.#ports.traces?.(),
      clock,
      clusterName,
      encode,
      defer,
      open: (index, listener) =>
        open({ ...this.#connectionOptions(index), ...this.#greeting, traffic: this.traffic }, listener),
      crossedMark: (aboveHighWaterMark) => tell({ type: 'outbox_changed', outbox: { aboveHighWaterMark } }),
      disagreed: (reason) => this.#failures.disagreed(reason),
      connected: (index) => {
        if (this.#connectedBefore.has(index)) this.traffic.reconnects += 1
        this.#connectedBefore.add(index)
        this.#failures.succeeded(`member ${index}`)
        this.#teller?.wake()
        this.#turn.connected()
      },
    })
  }

  #newTurnWatch(): TurnWatch {
    const { clock, log, tell } = this.#ports
    const failure = turnedNative()
    return new TurnWatch({
      clock,
      dialect: () => this.sender.pool.dialect,
      isWanted: () => this.#config.enable && this.#config.dialect !== 'emqx' && this.#ports.boot !== undefined,
      reopen: () =>
        this.sender.pool.settle(() => {
          log.info({ link: this.name, reason: failure.reason }, 'cluster_link_turned_native')
          tell({ type: 'peer_turned_native', failure })
        }),
    })
  }

  /** With what was left of it before a restart. Throws `DamagedOutbox`. */
  #openOutbox(durable: DurableLink | undefined): Outbox {
    const { clock, outboxEpoch } = this.#ports
    const config = this.#config
    const { overflow } = config
    const ledger = new Ledger(durable?.begin(config.durable))
    const outbox = new Outbox({
      epoch: outboxEpoch(),
      limits: limitsOf(config),
      overflow,
      keeper: durable?.keeper,
      ledger,
    })
    durable?.restore(outbox, { steady: clock.steadyMs(), wall: clock.nowMs() }, () => this.sender.pump())
    return outbox
  }

  /** Of connections that carry messages. */
  get #greeting(): Pick<ConnectionOptions, 'greeting'> {
    const { clusterName, nodeName, boot } = this.#ports
    if (boot === undefined || this.#config.dialect === 'emqx') return {}
    const { unusedEpoch } = this.outbox
    return { greeting: encodeGreeting({ ...ourGreeting(clusterName, nodeName, boot), unusedEpoch }) }
  }

  /** @param of the connection for routes, or one of the pool by its number */
  #connectionOptions(of: 'routes' | number): ConnectionOptions {
    const { slotNow, nodeName } = this.#ports
    const { clientid, server, ssl, username, password, tcp_opts, resource_opts } = this.#config
    return {
      link: this.name,
      clientId: clientIdOf(clientid, of, { slot: slotNow(), nodeName }),
      addresses: parseServers(server, ssl),
      username,
      password,
      ssl,
      tcp: tcp_opts,
      connectMs: resource_opts.start_timeout,
    }
  }

  #logRoutes({ event, failure }: RouteSyncLog): void {
    if (failure !== undefined) return this.#failures.failed('routes', event, {}, failure)
    if (event === 'cluster_link_routerepl_online') this.#failures.succeeded('routes')
    // A peer that lets us connect only to refuse us is no news each time.
    const level = this.#failures.isFailing('routes') ? 'debug' : 'info'
    this.#ports.log[level]({ link: this.name, routes: this.routeCount }, event)
  }

  #logForwarding({ event, index, failure }: ForwardingLog): void {
    this.#failures.failed(`member ${index}`, event, { index }, failure)
  }
}
