/** What bounds the broker now, shared by all its sessions: the settings, which a reload exchanges, and how full the memory is. */
import type { MqttConfig } from '../../config/config.ts'
import type { RetainerConfig } from '../../config/retainer-schema.ts'
import type { Publication } from '../../packets/publication.ts'
import { Crowd } from './crowd.ts'
import { type MemoryLevel, memoryLevel } from './memory-guard.ts'

export interface Drops {
  /** @param clientId of whom it was for; left out where it is nobody in particular */
  dropped(publication: Publication, reason: string, clientId?: string): void
}

export class Limits {
  mqtt: MqttConfig
  retainer: RetainerConfig
  memory: MemoryLevel = memoryLevel.ok
  /** Sessions that what peers send is too fast for. */
  readonly crowd = new Crowd()
  /** Who is told of messages that are given up; nobody nearly always. */
  drops: Drops | undefined
  /** Bytes of traffic after which the memory is to be looked at without waiting for the clock. */
  lookAtBytes = Number.POSITIVE_INFINITY
  look: () => void = () => undefined

  constructor(mqtt: MqttConfig, retainer: RetainerConfig = unlimitedRetainer) {
    this.mqtt = mqtt
    this.retainer = retainer
  }
}

const unlimitedRetainer: RetainerConfig = {
  enable: true,
  msg_expiry_interval: 0,
  max_payload_size: Number.POSITIVE_INFINITY,
  stop_publish_clear_msg: false,
  backend: { type: 'built_in_database', max_retained_messages: 0 },
}
