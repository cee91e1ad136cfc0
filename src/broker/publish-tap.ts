/** Somebody who sees which messages are published here, as they pass. There is none nearly always: then it costs a look. */
export interface PublishTap {
  /** Of a message that did not come over a link. @param bytes of topic and payload */
  passed(topic: string, bytes: number): void
}
