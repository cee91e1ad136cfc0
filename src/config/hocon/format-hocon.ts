/** Values as HOCON, for people: sections with braces, a key a line. */
import { isSection } from '../key-path.ts'

/** Ends with a line end. */
export function formatHocon(values: Readonly<Record<string, unknown>>): string {
  return linesOf(values, '')
    .map((line) => `${line}\n`)
    .join('')
}

function linesOf(section: Readonly<Record<string, unknown>>, indent: string): string[] {
  return Object.entries(section).flatMap(([key, value]) => {
    const name = /^[a-zA-Z_][\w-]*$/.test(key) ? key : JSON.stringify(key)
    if (isSection(value)) {
      const inner = linesOf(value, `${indent}  `)
      return inner.length === 0 ? [`${indent}${name} {}`] : [`${indent}${name} {`, ...inner, `${indent}}`]
    }
    if (Array.isArray(value) && value.some(isSection)) {
      const items = value.flatMap((item) =>
        isSection(item)
          ? [`${indent}  {`, ...linesOf(item, `${indent}    `), `${indent}  }`]
          : [`${indent}  ${plain(item)}`],
      )
      return [`${indent}${name} = [`, ...items, `${indent}]`]
    }
    return [`${indent}${name} = ${plain(value)}`]
  })
}

/** JSON is HOCON. */
function plain(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(plain).join(', ')}]` : JSON.stringify(value)
}
