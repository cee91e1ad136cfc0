/**
 * What lets the command line of this machine in without a password: a token for this run of the node, in a file of its data directory
 * that only its owner can read. Who can read it could read the store beside it, too.
 */
import { randomBytes } from 'node:crypto'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { credentialOf, type Credentials } from './access-hook.ts'
import type { Principal } from './principal.ts'
import { isSameSecret } from './same-secret.ts'

/** In `node.data_dir`: `{ url, token }`. */
export const LOCAL_TOKEN_FILE = 'api.json'

const PRINCIPAL: Principal = { name: 'local', role: 'administrator', via: 'local' }
const PREFIX = 'local-'

export class LocalToken implements Credentials {
  readonly #token = `${PREFIX}${randomBytes(32).toString('base64url')}`
  readonly #file: string

  /** @param dataDir `node.data_dir`, which is there */
  constructor(dataDir: string) {
    this.#file = join(dataDir, LOCAL_TOKEN_FILE)
  }

  /**
   * Throws as `writeFileSync` does.
   * @param url where the API is, as this machine reaches it: `http://127.0.0.1:18083`
   */
  write(url: string): void {
    const draft = `${this.#file}.new`
    // Its mode counts for a new file alone: one that was left by somebody must not lend its own.
    rmSync(draft, { force: true })
    writeFileSync(draft, `${JSON.stringify({ url, token: this.#token })}\n`, { mode: 0o600, flag: 'wx' })
    renameSync(draft, this.#file)
  }

  /** The header with which the node asks itself. */
  get authorization(): string {
    return `Bearer ${this.#token}`
  }

  remove(): void {
    rmSync(this.#file, { force: true })
  }

  identify(authorization: string): Principal | undefined {
    const token = credentialOf('Bearer', authorization)
    return token !== undefined && isSameSecret(token, this.#token) ? PRINCIPAL : undefined
  }
}
