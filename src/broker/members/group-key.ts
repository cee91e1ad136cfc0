/**
 * How a node names a shared subscription to another one: `<share name>/<filter>`. If members of it had gone when a node was handed a
 * message for it, that node hands it on, and the names of those who were tried follow, so that it never goes round in circles.
 */

/** Is in no topic filter, and in no name of a node. */
const SEPARATOR = '\0'
/** More nodes than a cluster has. */
const TRIED_MAX = 64

export type GroupKey = {
  /** `<share name>/<filter>` */
  readonly key: string
  /** Nodes that a message for it was handed on to. */
  readonly tried: readonly string[]
}

export function writeGroupKey(key: string, tried: readonly string[]): string {
  return tried.length === 0 ? key : [key, ...tried].join(SEPARATOR)
}

/** `undefined` for one that went too far. */
export function readGroupKey(text: string): GroupKey | undefined {
  if (!text.includes(SEPARATOR)) return { key: text, tried: none }
  const [key = '', ...tried] = text.split(SEPARATOR)
  return tried.length > TRIED_MAX ? undefined : { key, tried }
}

const none: readonly never[] = []
