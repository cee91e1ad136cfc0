/** Where a value stands in the configuration: names of keys and indexes of arrays. */
export type KeyPath = readonly (string | number)[]

/** `['cluster', 'links', 0, 'name']` is `cluster.links[0].name`; a name that holds a dot or a space is quoted. */
export function formatKeyPath(path: KeyPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    const name = plainName.test(part) ? part : JSON.stringify(part)
    return text === '' ? name : `${text}.${name}`
  }, '')
}

const plainName = /^[\p{L}\p{N}_-]+$/u

/** The value at a path, or `undefined` where there is none. Looks at own properties alone: a file may name a key `constructor`. */
export function valueAt(root: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return typeof part === 'number' ? (value[part] as unknown) : undefined
    return isSection(value) && Object.hasOwn(value, part) ? value[part] : undefined
  }, root)
}

/** Whether a value is an object of keys: `{ ... }` in the file. */
export function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
