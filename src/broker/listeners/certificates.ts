/** The certificates of one listener: read again when their files change, and watched for the day on which they expire. */
import { readFileSync, statSync } from 'node:fs'
import type { SecureContextOptions } from 'node:tls'
import type { TlsServerConfig } from '../../config/listeners/listener-config.ts'
import {
  type CertificateFile,
  expiryWords,
  readTlsMaterial,
  type TlsMaterial,
  type TlsProblem,
} from '../../config/listeners/tls-material.ts'
import type { Logger } from '../logger.ts'
import type { Clock, Timer } from '../clock.ts'

/** How often the files are looked at, milliseconds. */
export const CERTIFICATE_POLL_MS = 3_000
const DAY_MS = 86_400_000

export type CertificatePorts = {
  readonly listener: string
  readonly clock: Clock
  readonly log: Logger
}

type GoodMaterial = Extract<TlsMaterial, { readonly type: 'ok' }>

const readFile = (path: string): string => readFileSync(path, 'utf8')

export class Certificates {
  readonly config: TlsServerConfig
  /** Told of what new handshakes are to use. */
  onRenewed: (options: SecureContextOptions) => void = () => {}
  readonly #ports: CertificatePorts
  #material: GoodMaterial
  /** How the files looked when they were last read, and when they were last looked at. */
  #readState: string
  #seenState: string
  #warnedAtMs = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined

  private constructor(config: TlsServerConfig, ports: CertificatePorts, material: GoodMaterial, state: string) {
    this.config = config
    this.#ports = ports
    this.#material = material
    this.#readState = this.#seenState = state
    this.#warn()
    this.#poll()
  }

  /** Reads them, and from then on watches them. */
  static read(
    config: TlsServerConfig,
    ports: CertificatePorts,
  ): Certificates | { readonly problems: readonly TlsProblem[] } {
    // Looked at before they are read: what changes in between is read again.
    const state = look(config)
    const material = readTlsMaterial(config, readFile)
    return material.type === 'ok' ? new Certificates(config, ports, material, state) : material
  }

  /** Certificate and key for new handshakes. */
  get options(): SecureContextOptions {
    return this.#material.options
  }

  get files(): readonly CertificateFile[] {
    return this.#material.certificates
  }

  stop(): void {
    this.#timer?.cancel()
  }

  #poll(): void {
    this.#timer = this.#ports.clock.after(CERTIFICATE_POLL_MS, () => {
      this.#poll()
      this.#check()
    })
  }

  #check(): void {
    const state = look(this.config)
    // Certificate and key are two files: they are read once nobody has touched either for a while.
    const isSettled = state === this.#seenState
    this.#seenState = state
    if (isSettled && state !== this.#readState) {
      this.#readState = state
      this.#renew()
    }
    this.#warn()
  }

  #renew(): void {
    const { listener, log } = this.#ports
    const material = readTlsMaterial(this.config, readFile)
    if (material.type === 'invalid') {
      const reason = `${certificateWords(material.problems)}; the old ones stay in use`
      return log.error({ listener, reason }, 'certificate_reload_failed')
    }
    this.#material = material
    // What was warned of may be mended.
    this.#warnedAtMs = Number.NEGATIVE_INFINITY
    this.onRenewed(material.options)
    log.info({ listener, certificates: material.certificates.map(described) }, 'certificate_reloaded')
  }

  /** Once a day, while a certificate runs out or has run out. */
  #warn(): void {
    const { clock, listener, log } = this.#ports
    const nowMs = clock.nowMs()
    // By the wall clock, which certificates go by; one that is set back makes it warn again.
    if (Math.abs(nowMs - this.#warnedAtMs) < DAY_MS) return
    this.#warnedAtMs = nowMs
    for (const certificate of this.#material.certificates) {
      const reason = expiryWords(certificate, nowMs)
      if (reason === undefined) continue
      const fields = { listener, ...described(certificate), reason }
      if (certificate.notAfterMs <= nowMs) log.error(fields, 'certificate_expired')
      else log.warn(fields, 'certificate_expires_soon')
    }
  }
}

/** In one line, for people. */
export function certificateWords(problems: readonly TlsProblem[]): string {
  return problems.map(({ key, message }) => `${key} ${message}`).join('; ')
}

/** How the files look that the names lead to now: a link that points elsewhere is another file. */
function look({ certfile, keyfile, cacertfile }: TlsServerConfig): string {
  return [certfile, keyfile, cacertfile].map((file) => (file === undefined ? '' : stateOf(file))).join('\n')
}

function stateOf(file: string): string {
  if (file.includes('-----BEGIN')) return 'text'
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(file)
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ')
  } catch {
    // Between the removal of the old file and the arrival of the new one there is none.
    return 'missing'
  }
}

function described({ key, file, subject, notAfterMs }: CertificateFile): object {
  return { key, file, subject, not_after: new Date(notAfterMs).toISOString() }
}
