/** Text in HTML and SVG. Pure. */

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign]!)

export type Table = {
  readonly caption: string
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

/** Nothing, if it has no rows. The first column names its row. */
export function tableMarkup({ caption, head, rows }: Table): string {
  if (rows.length === 0) return ''
  const heads = head.map((cell) => `<th scope="col">${escaped(cell)}</th>`).join('')
  const body = rows.map((row) => {
    const [first = '', ...rest] = row.map(escaped)
    return `<tr><th scope="row">${first}</th>${rest.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  return `<div class="scroll"><table><caption>${escaped(caption)}</caption><thead><tr>${heads}</tr></thead><tbody>${body.join('')}</tbody></table></div>`
}

export function listMarkup(name: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  return `<ul class="${name}">${items.map((item) => `<li>${escaped(item)}</li>`).join('')}</ul>`
}
