/** Takes the PROXY header off a connection and leaves the rest as if it had not been there. */
import type { Socket } from 'node:net'
import { parseProxyHeader, type ProxyHeader } from './proxy-protocol.ts'

/** Calls back once, unless the connection ends first: whoever accepted it watches its end and its deadline. */
export function takeProxyHeader(
  socket: Socket,
  done: (result: ProxyHeader | { readonly type: 'invalid'; readonly words: string }) => void,
): void {
  // Bounded: the parser calls no prefix incomplete that is longer than the longest header.
  let collected: Buffer | undefined
  const read = (chunk: Buffer): void => {
    collected = collected === undefined ? chunk : Buffer.concat([collected, chunk])
    const result = parseProxyHeader(collected)
    if (result.type === 'incomplete') return
    socket.off('data', read)
    // It flows on as soon as the next one reads.
    socket.pause()
    if (result.type === 'header' && collected.length > result.length) socket.unshift(collected.subarray(result.length))
    done(result)
  }
  socket.on('data', read)
}
