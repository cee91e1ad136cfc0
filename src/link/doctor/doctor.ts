/**
 * Why does nothing cross? Goes through all that a link needs, in the order in which a message needs it, and stops at the first that is
 * broken. What it does to find out disturbs nothing: its connections are its own, and what runs is only asked.
 */
import { parseServers } from '../../config/address.ts'
import type { LinkConfig, ServerAddress } from '../../config/config.ts'
import type { OpenConnection } from '../connection.ts'
import type { Account } from '../enquiry.ts'
import { answerTopic, messageTopic, routeTopic } from '../inbound/link-topic.ts'
import type { ProbeResult } from '../probe/probe-view.ts'
import { doctorTimes, type Examination, type ExamineTerms, examine, type Stage } from './examine.ts'
import type { DoctorReport, Finding } from './finding.ts'
import { inspectTls, ownCertificate } from './inspect-tls.ts'
import {
  type Difference,
  judgeClock,
  judgeForwarding,
  judgeHistory,
  judgeLedgers,
  judgeNodes,
  judgeOutbox,
  judgePause,
  judgeProbe,
  type SilentNode,
} from './judge-flow.ts'
import {
  type HandshakeFacts,
  judgeClusterNames,
  judgeDialect,
  judgeHandshake,
  judgeHandshakeBack,
} from './judge-handshake.ts'
import { certificateRefusal, judgeConnect, judgeIdentity, judgeRight, type Right } from './judge-knock.ts'
import { judgeEnabled, judgeNames, judgeReach, judgeTls } from './judge-network.ts'
import { judgeTopic, type TopicFindings } from './judge-topic.ts'
import { type Caller, Knock, type Reply } from './knock.ts'
import type { LinkOnNode } from './link-on-node.ts'
import { type ReachFact, reachServers } from './reach-servers.ts'
import { type NameFact, resolveNames } from './resolve-names.ts'

export type DoctorPorts = {
  readonly clock: ExamineTerms['clock'] & { nowMs(): number }
  readonly open: OpenConnection
  readonly caller: Omit<Caller, 'clientId'>
  /** This node. */
  readonly node: string
  /** A ClientID for this link that nobody else has, with the prefix of those that it has. */
  readonly clientIdOf: (link: LinkConfig) => string
  /** What all nodes of the cluster know of a link that is saved. */
  readonly nodes: (link: string, topic: string | undefined) => Promise<NodesAnswer>
  /** Sends a message there and back from this node. */
  readonly probe: (link: string, deadlineMs: number) => Promise<ProbeResult>
  /** In what both sides say, where they do not agree. */
  readonly differences: (link: string) => Promise<readonly Difference[]>
  /** All that are enabled. */
  readonly links: () => readonly LinkConfig[]
}

export type NodesAnswer = { readonly nodes: readonly LinkOnNode[]; readonly silent: readonly SilentNode[] }

export type DoctorQuestion = {
  readonly link: LinkConfig
  /** Whether the link is saved, so that it runs if it is enabled. */
  readonly isSaved: boolean
  /** Whether a message of this topic would cross is asked as well. */
  readonly topic?: string | undefined
}

/** Less than a step has. */
const NETWORK_MS = 4_000
const REPLY_MS = 3_500
const PROBE_MS = 3_000
/** What is on its way is waited for so long, and looked at so often. */
const SETTLE_MS = 3_500
const LOOK_MS = 200

/** Never rejects; resolves within `doctorTimes`. */
export async function examineLink(
  question: DoctorQuestion,
  ports: DoctorPorts,
): Promise<DoctorReport & { readonly speaker?: string }> {
  const visit = new Visit(question, ports)
  try {
    const report = await examine(visit.stages(), { clock: ports.clock, ...doctorTimes })
    const { speaker } = visit
    return speaker === undefined ? report : { ...report, speaker: speaker.node }
  } finally {
    visit.end()
  }
}

class Visit {
  readonly #question: DoctorQuestion
  readonly #ports: DoctorPorts
  readonly #caller: Caller
  readonly #servers: readonly ServerAddress[]
  #names: readonly NameFact[] = []
  #reached: readonly ReachFact[] = []
  #knock: Knock | undefined
  #account: Account | undefined
  #nodes: readonly LinkOnNode[] = []
  #silent: readonly SilentNode[] = []

  constructor(question: DoctorQuestion, ports: DoctorPorts) {
    this.#question = question
    this.#ports = ports
    this.#caller = { ...ports.caller, clientId: ports.clientIdOf(question.link) }
    this.#servers = parseServers(question.link.server, question.link.ssl)
  }

  /** The node that speaks to the peer for all of ours, as far as it is known. */
  get speaker(): LinkOnNode | undefined {
    const named = this.#nodes.find(({ node, speaker }) => node === speaker)
    const speaks = this.#nodes.find(({ routeSync }) => routeSync !== null && routeSync.phase !== 'standby')
    return named ?? speaks ?? this.#self
  }

  end(): void {
    this.#knock?.close()
  }

  stages(): readonly Stage[] {
    const { isSaved, topic } = this.#question
    const there: Stage[] = [
      ...(isSaved ? [[this.#step('enabled', 'Link is enabled', () => judgeEnabled(this.#question.link))]] : []),
      [this.#step('names', 'Name resolution', () => this.#resolve())],
      [this.#step('tcp', 'TCP', () => this.#reach())],
      [this.#step('tls', 'TLS', () => this.#secure())],
      [this.#step('connect', 'CONNECT', () => this.#connect())],
      [this.#step('identity', 'Who we are there', () => judgeIdentity(this.#caller, this.#question.link))],
      [this.#step('may_subscribe', 'Right to hear answers', () => this.#maySubscribe())],
      [this.#step('may_route', 'Right to say what we want', () => this.#mayRoute())],
      [this.#step('may_send', 'Right to send messages', () => this.#maySend())],
      [this.#step('cluster_names', 'Names of the clusters', () => this.#clusterNames())],
      [this.#step('handshake', 'Handshake with the peer', () => this.#handshake())],
    ]
    if (!isSaved) return there
    return [
      ...there,
      [this.#step('handshake_back', 'Handshake of the peer with us', () => this.#handshakeBack())],
      [this.#step('dialect', 'Version and dialect', () => judgeDialect(this.#handshakeFacts))],
      [this.#step('nodes', 'Nodes of our cluster', () => judgeNodes(this.#ports.node, this.#nodes, this.#silent))],
      [this.#step('forwarding', 'Connections for messages', () => judgeForwarding(this.#own))],
      [this.#step('pause', 'Pause', () => judgePause(this.#nodes, this.#question.link.name, this.#account))],
      ...(topic === undefined ? [] : [this.#topicStage(topic)]),
      [this.#step('probe', 'A message there and back', () => this.#probe())],
      [this.#step('outbox', 'Outbox', () => judgeOutbox(this.#own))],
      [this.#step('ledger', 'What both sides count', () => this.#ledger())],
      [this.#step('history', 'Connections lost lately', () => judgeHistory(this.#own))],
      [this.#step('clock', 'Clocks', () => judgeClock(this.#own))],
    ]
  }

  #step(step: string, title: string, look: Examination['look']): Examination {
    return { step, title, look }
  }

  async #resolve() {
    this.#names = await resolveNames(this.#servers)
    return judgeNames(this.#names)
  }

  async #reach() {
    this.#reached = await reachServers(this.#names, NETWORK_MS)
    return judgeReach(this.#reached)
  }

  async #secure() {
    const { ssl } = this.#question.link
    const servers = this.#reachable.filter(({ tls }) => tls)
    const facts = await inspectTls(servers, ssl, NETWORK_MS)
    const nowMs = this.#ports.clock.nowMs()
    const finding = judgeTls(facts, ssl, ownCertificate(ssl), nowMs, undefined)
    if (facts.length === 0 || finding.status === 'failed') return finding
    // Whether the peer takes our certificate it says when we have begun to speak.
    const failure = await this.#knocking().connected()
    const refused = failure === undefined ? undefined : certificateRefusal(failure)
    return refused === undefined ? finding : judgeTls(facts, ssl, ownCertificate(ssl), nowMs, refused)
  }

  async #connect() {
    const usesTls = this.#reachable.some(({ tls }) => tls)
    return judgeConnect(await this.#knocking().connected(), this.#question.link, usesTls)
  }

  async #maySubscribe() {
    const { cluster, actor } = this.#caller
    return this.#right(await this.#knocking().maySubscribe(), {
      action: 'subscribe',
      topic: answerTopic(cluster, actor),
      purpose: 'where the peer answers',
    })
  }

  async #mayRoute() {
    const knock = this.#knocking()
    const reply = await knock.mayRoute({ topic: this.#question.topic })
    if (reply.type === 'code' && reply.reasonCode < 0x80) this.#account = await knock.account()
    return this.#right(reply, {
      action: 'publish',
      topic: routeTopic(this.#caller.cluster),
      purpose: 'where we say what we want',
    })
  }

  async #maySend() {
    // One that ended the connection over a question that it does not know would do so again, and lets us speak.
    const reply = await this.#knocking().maySend()
    return this.#right(reply, {
      action: 'publish',
      topic: messageTopic(this.#caller.cluster),
      purpose: 'where messages go',
    })
  }

  /** Rules may name the very ClientIDs of the link: what its own connections have proved is not refuted by ours. */
  async #right(reply: Reply, right: Right): Promise<Finding> {
    const finding = judgeRight(reply, right, { us: this.#caller.cluster }, this.#question.link)
    if (finding.status !== 'failed') return finding
    await this.#ask()
    const { routeSync, dialect } = this.speaker ?? {}
    const isProved = right.topic.startsWith('$LINK/cluster/msg/')
      ? dialect?.ours === 'native'
      : routeSync?.phase === 'syncing'
    return isProved ? { ...finding, status: 'warning', detail: `${finding.detail}; the link itself may` } : finding
  }

  async #clusterNames() {
    await this.#ask()
    return judgeClusterNames(this.#handshakeFacts)
  }

  async #handshake() {
    await this.#settled(() => {
      const sync = this.speaker?.routeSync
      if (sync === undefined || sync === null || sync.trouble !== undefined) return true
      return sync.phase === 'syncing' || sync.phase === 'degraded'
    })
    return judgeHandshake(this.#handshakeFacts)
  }

  async #handshakeBack() {
    await this.#settled(() => this.#nodes.some(({ inbound: { state } }) => state !== 'absent'))
    return judgeHandshakeBack(this.#handshakeFacts, this.#nodes)
  }

  async #probe() {
    const result = await this.#ports.probe(this.#question.link.name, PROBE_MS)
    // The clocks are known by it.
    await this.#ask()
    return judgeProbe(result)
  }

  async #ledger() {
    return judgeLedgers(this.#own, this.#account, await this.#ports.differences(this.#question.link.name))
  }

  #topicStage(topic: string): Stage {
    const { link } = this.#question
    const judged = (): TopicFindings =>
      judgeTopic({
        topic,
        us: this.#caller.cluster,
        link,
        others: this.#ports.links().filter(({ name }) => name !== link.name),
        nodes: this.#nodes,
        account: this.#account,
      })
    return [
      this.#step('topic_out', `${topic} to the peer`, () => judged().out),
      this.#step('topic_back', `${topic} from the peer`, () => judged().back),
    ]
  }

  get #handshakeFacts(): HandshakeFacts {
    return {
      us: this.#caller.cluster,
      link: this.#question.link,
      speaker: this.#question.isSaved ? this.speaker : undefined,
      account: this.#account,
    }
  }

  get #self(): LinkOnNode | undefined {
    return this.#nodes.find(({ node }) => node === this.#ports.node)
  }

  get #own(): LinkOnNode {
    const self = this.#self
    if (self === undefined) throw new Error('this node does not have the link yet')
    return self
  }

  /** Servers of which an address was reached. */
  get #reachable(): readonly ServerAddress[] {
    const good = new Set(this.#reached.filter(({ failure }) => failure === undefined).map(({ server }) => server))
    return this.#servers.filter((server) => good.has(server))
  }

  #knocking(): Knock {
    this.#knock ??= new Knock(this.#ports, this.#caller, this.#question.link, this.#reachable, REPLY_MS)
    return this.#knock
  }

  async #ask(): Promise<void> {
    if (!this.#question.isSaved) return
    const { nodes, silent } = await this.#ports.nodes(this.#question.link.name, this.#question.topic)
    this.#nodes = nodes
    this.#silent = silent
  }

  /** Asks again for a while, until it is so. */
  async #settled(isSo: () => boolean): Promise<void> {
    const { clock } = this.#ports
    const endMs = clock.steadyMs() + SETTLE_MS
    while (this.#question.isSaved && !isSo() && clock.steadyMs() < endMs) {
      await new Promise<void>((resolve) => void clock.after(LOOK_MS, resolve))
      await this.#ask()
    }
  }
}
