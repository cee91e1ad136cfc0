/**
 * Connections that greeted us as nodes of a peer, and what was taken of each node: that outlives the connection, and in a cluster it
 * goes with the sender to whichever member it comes next.
 */
import type { LinkConfig } from '../../config/config.ts'
import { HighWaterMarks, type LaneMark, type SenderMarks } from '../../lanes/high-water-marks.ts'
import type { QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { LinkClient } from '../broker-port.ts'
import { answerTo, decodeGreeting, encodeGreeting, noVersionInCommon, type Greeting } from '../native/greeting.ts'
import type { InboundPorts, KeptSender } from './inbound-ports.ts'
import { messageTopic } from './link-topic.ts'
import { gatherMarks, leaveMarks, type Legacy, type MarkSharing, readLegacies, readQuestion } from './mark-sharing.ts'

/** A node of a peer, on one connection. */
export type Speaker = {
  /** Of the node; no other one has it. */
  readonly id: string
  readonly cluster: string
  readonly node: string
  readonly marks: SenderMarks
}

export type MaySpeak = (client: LinkClient, peer: string, topic: string, qos: QoS) => boolean

export class NativeSpeakers {
  readonly #ports: InboundPorts
  readonly #maySpeak: MaySpeak
  readonly #speakers = new Map<LinkClient, Speaker>()
  /** By cluster: as long as there is a link to it. */
  readonly #marks = new Map<string, HighWaterMarks>()
  /** By cluster: why its last greeting that could not be answered was not. */
  readonly #unanswered = new Map<string, string>()
  /** How many other members have gone, with what they knew; and how many had when a sender's marks were last known to be all. */
  #gone = 0
  readonly #goneBefore = new WeakMap<SenderMarks, number>()
  /** Those that outlive the process. */
  readonly #kept = new WeakMap<SenderMarks, KeptSender>()
  #stops: readonly (() => void)[] | undefined

  constructor(ports: InboundPorts, maySpeak: MaySpeak) {
    this.#ports = ports
    this.#maySpeak = maySpeak
  }

  of(client: LinkClient): Speaker | undefined {
    return this.#speakers.get(client)
  }

  /** Whether a node of this cluster is connected here and sends batches. */
  isHeard(cluster: string): boolean {
    for (const speaker of this.#speakers.values()) if (speaker.cluster === cluster) return true
    return false
  }

  /** How far the lanes of each node of the cluster were taken here. */
  *marksOf(cluster: string): Iterable<readonly [node: string, marks: readonly LaneMark[]]> {
    for (const [node, marks] of this.#marks.get(cluster)?.senders() ?? []) yield [node, marks.snapshot()]
  }

  /** See `LinkInlet.greet`. A promise only where other members are to be asked. */
  greet(client: LinkClient, text: string): string | undefined | Promise<string | undefined> {
    const greeting = decodeGreeting(text)
    const answer = greeting === undefined ? undefined : this.#answerTo(client, greeting)
    if (greeting === undefined || answer === undefined) return undefined
    const { cluster, node, unusedEpoch } = greeting
    const marks = this.#marksFor(cluster, node)
    const speaker = { id: `${cluster}/${node}`, cluster, node, marks }
    this.#speakers.set(client, speaker)
    const { marks: sharing, log } = this.#ports
    log.info({ link: cluster, node, clientid: client.clientId }, 'cluster_link_native_peer')
    this.#ports.heardNative?.(cluster)
    if (sharing !== undefined) return this.#whenAsked(sharing, client, speaker, unusedEpoch, answer)
    if (unusedEpoch !== undefined) marks.opens(unusedEpoch)
    return answer
  }

  #answerTo(client: LinkClient, greeting: Greeting): string | undefined {
    const { cluster } = greeting
    const { link: linkTo, self } = this.#ports
    if (self === undefined || !isNative(linkTo(cluster), true)) return undefined
    const answer = answerTo(greeting, self.node, self.boot)
    if (!this.#maySpeak(client, cluster, messageTopic(cluster), 1)) return undefined
    if (answer === undefined) this.#logUnanswered(greeting)
    return answer === undefined ? undefined : encodeGreeting(answer)
  }

  /** Once, however often it comes. */
  #logUnanswered(greeting: Greeting): void {
    const { cluster, node } = greeting
    const reason = noVersionInCommon(greeting)
    if (this.#unanswered.get(cluster) === reason) return
    this.#unanswered.set(cluster, reason)
    this.#ports.log.warn({ link: cluster, node, reason }, 'cluster_link_not_native')
  }

  /** Those of a node that is about to speak, with what an earlier process of ours knew. */
  #marksFor(cluster: string, node: string): SenderMarks {
    const ofCluster =
      this.#marks.get(cluster) ?? new HighWaterMarks((gone) => this.#ports.keptMarks?.()?.forget(cluster, gone))
    this.#marks.set(cluster, ofCluster)
    const isKnown = ofCluster.peek(node) !== undefined
    const marks = ofCluster.of(node)
    const kept = this.#ports.keptMarks?.()
    const isDurable = this.#ports.link(cluster)?.durable === true
    const found = isKnown ? undefined : kept?.claim(cluster, node)
    if (found !== undefined && isDurable) {
      marks.restore(found)
      // What is kept here is not all that it comes to: others may have had their share without it.
      if (this.#ports.marks !== undefined) marks.doubt()
    }
    if (isDurable) this.#keep(cluster, node, marks)
    return marks
  }

  #keep(cluster: string, node: string, marks: SenderMarks): void {
    const kept = this.#ports.keptMarks?.()
    if (kept !== undefined && !this.#kept.has(marks)) this.#kept.set(marks, kept.keep(cluster, node, marks))
  }

  /** What was taken of a cluster outlives the process if the link to it is durable, and not otherwise. */
  #keepByLinks(): void {
    const { keptMarks, link: linkTo, links } = this.#ports
    for (const [cluster, ofCluster] of this.#marks) {
      for (const [node, marks] of ofCluster.senders())
        if (linkTo(cluster)?.durable === true) this.#keep(cluster, node, marks)
        else this.#kept.delete(marks)
    }
    for (const cluster of links?.() ?? []) if (linkTo(cluster)?.durable !== true) keptMarks?.()?.forget(cluster)
  }

  async #whenAsked(
    sharing: MarkSharing,
    client: LinkClient,
    speaker: Speaker,
    unusedEpoch: number | undefined,
    answer: string,
  ): Promise<string | undefined> {
    const { cluster, node, marks } = speaker
    const gone = this.#gone
    const { marks: theirs, isComplete } = await gatherMarks(sharing, this.#ports.clock, { cluster, node })
    // It went, or came to yet another member, or its link is another one now.
    if (this.#speakers.get(client) !== speaker) return undefined
    if (this.#goneBefore.get(marks) !== gone) marks.doubt()
    // Who is gone can't have taken anything of it, and who is there may know better: a connection opened later was quicker.
    if (unusedEpoch !== undefined) marks.opens(unusedEpoch)
    marks.merge(theirs)
    if (!isComplete) {
      marks.doubt()
      this.#ports.log.warn({ link: cluster, node }, 'cluster_link_marks_incomplete')
    }
    this.#goneBefore.set(marks, gone)
    return answer
  }

  /** A batch of it is taken here: what members that are gone since knew does not matter. */
  taken({ marks }: Speaker): void {
    this.#kept.get(marks)?.touch()
    if (this.#ports.marks !== undefined) this.#goneBefore.set(marks, this.#gone)
  }

  closed(client: LinkClient): void {
    this.#speakers.delete(client)
  }

  /** The connection ends, and nothing more is taken from it. */
  end(client: LinkClient, code: number, words: string): void {
    this.#speakers.delete(client)
    client.disconnect(code, words)
  }

  /** Links, or the rules about them, may have changed: who may not speak any more ends, and comes again as something else perhaps. */
  linksChanged(): void {
    this.#stops ??= this.#share()
    const { link: linkTo } = this.#ports
    for (const [client, { cluster }] of this.#speakers) {
      const isStill = isNative(linkTo(cluster), false) && this.#maySpeak(client, cluster, messageTopic(cluster), 1)
      if (!isStill) this.end(client, reasonCode.administrativeAction, `the link to ${cluster} is another one now`)
    }
    for (const cluster of this.#marks.keys()) {
      if (linkTo(cluster) !== undefined) continue
      this.#marks.delete(cluster)
      this.#ports.keptMarks?.()?.forget(cluster)
    }
    for (const cluster of this.#unanswered.keys()) if (linkTo(cluster) === undefined) this.#unanswered.delete(cluster)
    this.#keepByLinks()
  }

  #share(): (() => void)[] {
    const { marks: sharing } = this.#ports
    if (sharing === undefined) return []
    return [
      sharing.onGone(() => (this.#gone += 1)),
      sharing.serve((body) => this.#handOver(sharing, readQuestion(body))),
      sharing.inherit((body) => this.#inherit(readLegacies(body))),
    ]
  }

  /**
   * This node leaves, and its connections are closed: what peers have no acknowledgement for they send to another member, which then
   * knows that it was taken here. Never rejects.
   */
  async leave(): Promise<void> {
    const { marks: sharing, clock } = this.#ports
    if (sharing === undefined) return
    const legacies = [...this.#marks.keys()].flatMap((cluster) =>
      Array.from(this.marksOf(cluster), ([node, marks]) => ({ cluster, node, marks })),
    )
    await leaveMarks(sharing, clock, legacies)
  }

  #inherit(legacies: readonly Legacy[]): void {
    for (const { cluster, node, marks } of legacies) {
      if (!isNative(this.#ports.link(cluster), false)) continue
      const known = this.#marksFor(cluster, node)
      // Others may have taken more than who leaves knows.
      known.merge(marks.map((mark) => ({ ...mark, isSure: false })))
      this.#kept.get(known)?.touch()
    }
  }

  /** The node speaks to another member, which asks for what was taken here. */
  async #handOver(sharing: MarkSharing, { cluster, node }: Pick<Speaker, 'cluster' | 'node'>): Promise<LaneMark[]> {
    for (const [client, speaker] of this.#speakers)
      if (speaker.cluster === cluster && speaker.node === node)
        this.end(client, reasonCode.sessionTakenOver, 'the node speaks to another node of the cluster')
    // What the other member finds here it takes for safe.
    await new Promise<void>((resolve) => sharing.whenSafe(resolve))
    const marks = this.#ports.link(cluster) === undefined ? undefined : this.#marksFor(cluster, node)
    if (marks === undefined) return []
    if (this.#goneBefore.get(marks) !== this.#gone) marks.doubt()
    return marks.snapshot()
  }

  stop(): void {
    for (const stop of this.#stops ?? []) stop()
    this.#stops = []
  }
}

function isNative(link: LinkConfig | undefined, enabledOnly: boolean): boolean {
  return link !== undefined && link.dialect !== 'emqx' && (link.enable || !enabledOnly)
}
