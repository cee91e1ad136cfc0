/** `authentication` and what belongs to it after parsing: who is asked who a client is, in which order, and how. */
import type { SslConfig } from '../ssl-config.ts'

export type AuthenticatorConfig = BuiltInConfig | JwtConfig | HttpConfig

/** Users in the node's own store. */
export type BuiltInConfig = {
  readonly mechanism: 'password_based'
  readonly backend: 'built_in_database'
  readonly enable: boolean
  readonly user_id_type: 'username' | 'clientid'
  readonly password_hash_algorithm: PasswordHashConfig
  /** Absolute path of a CSV or JSON file; its users were all right when the configuration was read. */
  readonly bootstrap_file?: string
  /** Whether the file holds passwords or their hashes. */
  readonly bootstrap_type: BootstrapType
}

export type BootstrapType = 'plain' | 'hash'

export type PasswordHashConfig =
  | {
      readonly name: 'plain' | 'md5' | 'sha' | 'sha256' | 'sha512'
      readonly salt_position: 'prefix' | 'suffix' | 'disable'
    }
  | { readonly name: 'bcrypt'; readonly salt_rounds: number }
  | {
      readonly name: 'pbkdf2'
      readonly mac_fun: 'md5' | 'sha' | 'sha224' | 'sha256' | 'sha384' | 'sha512'
      readonly iterations: number
      /** Bytes; the length of the MAC if not set. */
      readonly dk_length?: number | undefined
    }
  /** RFC 7914: N, r, p, and the bytes of the derived key. Ours, not EMQX's. */
  | {
      readonly name: 'scrypt'
      readonly cost: number
      readonly block_size: number
      readonly parallelization: number
      readonly dk_length: number
    }

/** Tokens (RFC 7519), whose signature is proof. */
export type JwtConfig = {
  readonly mechanism: 'jwt'
  readonly enable: boolean
  /** Which field of CONNECT holds the token. */
  readonly from: 'username' | 'password'
  readonly keys: JwtKeys
  /** Claims that a token must have; values may hold placeholders. */
  readonly verify_claims: Readonly<Record<string, string>>
  readonly disconnect_after_expire: boolean
}

export type JwtKeys =
  /** The secret itself, decoded if the file says `secret_base64_encoded`. */
  | { readonly type: 'hmac'; readonly secret: Buffer }
  /** A public key or a certificate in PEM. */
  | { readonly type: 'public'; readonly pem: string }
  | {
      readonly type: 'jwks'
      readonly endpoint: string
      readonly headers: Readonly<Record<string, string>>
      /** Milliseconds. */
      readonly refresh_interval: number
      readonly pool_size: number
      readonly ssl: SslConfig
    }

/** Somebody else's service, asked over HTTP. */
export type HttpConfig = {
  readonly mechanism: 'password_based'
  readonly backend: 'http'
  readonly enable: boolean
  readonly method: 'get' | 'post'
  /** May hold placeholders in its path and query. */
  readonly url: string
  /** By their names in lower case; values may hold placeholders. */
  readonly headers: Readonly<Record<string, string>>
  /** Names and values may hold placeholders. */
  readonly body: Readonly<Record<string, string>>
  /** Milliseconds. */
  readonly request_timeout: number
  /** Requests at one time. */
  readonly pool_size: number
  readonly ssl: SslConfig
}

export type FailedLoginsConfig = {
  readonly enable: boolean
  /** So many failures of one address within the window shut it out. */
  readonly max_count: number
  /** Milliseconds. */
  readonly window_time: number
  /** Milliseconds. */
  readonly ban_time: number
}

/** What holds for the chain as a whole. */
export type AuthenticationSettings = { readonly failed_logins: FailedLoginsConfig }

/** A listener's `enable_authn`: as the chain says; nobody is asked; as the chain says, but without a user name nobody gets that far. */
export type EnableAuthn = true | false | 'quick_deny_anonymous'
