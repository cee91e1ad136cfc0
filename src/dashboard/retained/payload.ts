/** Payloads for the eye: as text, as JSON, as bytes. All pure. */

export type PayloadView = 'json' | 'text' | 'hex'

/** Beyond, only the beginning is shown: a browser that lays out a megabyte of text stands still. */
export const SHOWN_BYTES_MAX = 64 * 1024

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

/** The most telling one that fits. */
export function bestView(payload: Uint8Array): PayloadView {
  const text = asText(payload)
  if (text === undefined) return 'hex'
  return asJson(text) === undefined ? 'text' : 'json'
}

/** `undefined` for what is no UTF-8, or has control characters in it that no text has. */
export function asText(payload: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
    return isText(text) ? text : undefined
  } catch {
    // Not UTF-8: it is shown as bytes.
    return undefined
  }
}

function isText(text: string): boolean {
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0
    if (code < 0x20 && character !== '\n' && character !== '\r' && character !== '\t') return false
  }
  return true
}

/** Indented; `undefined` for what is no JSON. */
export function asJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    // It is shown as the text that it is.
    return undefined
  }
}

/** Lines of 16 bytes, each with its offset and what can be read of it. */
export function asHex(payload: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < payload.length; at += 16) {
    const line = [...payload.subarray(at, at + 16)]
    const codes = line.map((byte) => byte.toString(16).padStart(2, '0'))
    const readable = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    const halves = `${codes.slice(0, 8).join(' ')}  ${codes.slice(8).join(' ')}`
    lines.push(`${at.toString(16).padStart(6, '0')}  ${halves.padEnd(49)} ${readable}`)
  }
  return lines.join('\n')
}
