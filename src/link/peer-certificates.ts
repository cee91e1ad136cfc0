/** The certificates with which peers proved who they are when links connected: for the day on which they expire. */
import type { OpenConnection, PeerCertificate } from './connection.ts'

/** Certificates are remembered for so many links at most. */
const LINKS_MAX = 10_000

export class PeerCertificates {
  readonly #byLink = new Map<string, PeerCertificate>()

  /** The same as `open`, but that the certificates are seen. */
  watching(open: OpenConnection): OpenConnection {
    return (options, listener) => {
      const { link } = options
      if (link === undefined) return open(options, listener)
      return open({ ...options, secured: (certificate) => this.#note(link, certificate) }, listener)
    }
  }

  /** Of a link, the one that was seen last; `undefined` if it does not use TLS, or has not connected yet. */
  of(link: string): PeerCertificate | undefined {
    return this.#byLink.get(link)
  }

  /** Only these links are left. */
  keep(links: Iterable<string>): void {
    const kept = new Set(links)
    for (const link of this.#byLink.keys()) if (!kept.has(link)) this.#byLink.delete(link)
  }

  #note(link: string, certificate: PeerCertificate): void {
    if (this.#byLink.has(link) || this.#byLink.size < LINKS_MAX) this.#byLink.set(link, certificate)
  }
}
