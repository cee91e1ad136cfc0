/**
 * Probes of peers, and their answers to ours, as they come among the messages. Nobody but the two ends of a link ever sees one: it stands
 * in no ledger and reaches no subscriber.
 */
import type { QoS } from '../../packets/message.ts'
import { reasonCode } from '../../packets/reason-code.ts'
import type { LinkClient } from '../broker-port.ts'
import { answerTopic } from '../inbound/link-topic.ts'
import type { MaySpeak, NativeSpeakers } from '../inbound/native-speakers.ts'
import { decodeProbeFrame } from './probe-frame.ts'
import type { ProbedLinks } from './probed-links.ts'

export class ProbeInlet {
  readonly #links: () => ProbedLinks | undefined
  readonly #speakers: NativeSpeakers
  readonly #maySpeak: MaySpeak
  readonly #localCluster: string

  constructor(
    localCluster: string,
    links: () => ProbedLinks | undefined,
    speakers: NativeSpeakers,
    maySpeak: MaySpeak,
  ) {
    this.#localCluster = localCluster
    this.#links = links
    this.#speakers = speakers
    this.#maySpeak = maySpeak
  }

  /** @param sender the cluster that the topic names. Returns the reason code of the PUBACK. */
  take(client: LinkClient, topic: string, sender: string, payload: Buffer, qos: QoS): number {
    const speaker = this.#speakers.of(client)
    if (speaker?.cluster !== sender || !this.#maySpeak(client, sender, topic, qos)) return reasonCode.notAuthorized
    const frame = decodeProbeFrame(payload)
    if (frame === undefined) return reasonCode.payloadFormatInvalid
    const { cluster, node } = speaker
    if (frame.type === 'probe_answer') this.#links()?.probeAnswered(cluster, node, frame)
    else {
      const answer = this.#links()?.probeAsked(cluster, node, frame.id)
      if (answer !== undefined) client.send({ topic: answerTopic(this.#localCluster, node), payload: answer, qos: 0 })
    }
    return reasonCode.success
  }
}
