/** `authentication` with every key off its default, as the round trip reads it: written, as an object, and as the node has it. */
import type {
  AuthenticationSettings,
  AuthenticatorConfig,
} from '../../../src/config/authentication/authentication-config.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'

export const usersFile = 'user_id,password_hash,salt\n'

const ssl = `ssl { enable = true, cacertfile = ca, certfile = cert, keyfile = key, verify = verify_peer, server_name_indication = disable,
  versions = ["tlsv1.2", "tlsv1.3"], ciphers = [], depth = 11, log_level = notice, hibernate_after = 12s, reuse_sessions = false,
  secure_renegotiate = false, middlebox_comp_mode = false }`

const sslExpected = {
  enable: true,
  cacertfile: '/conf/ca',
  certfile: '/conf/cert',
  keyfile: '/conf/key',
  verify: 'verify_peer',
  server_name_indication: 'disable',
} as const

/** Each stands in a chain of its own: a chain has one of each. */
export const chains: readonly {
  readonly what: string
  readonly hocon: string
  readonly input: NonNullable<ConfigInput['authentication']>[number]
  readonly expected: AuthenticatorConfig
}[] = [
  {
    what: 'built-in users',
    hocon: `{ mechanism = password_based, backend = built_in_database, enable = false, user_id_type = clientid,
      password_hash_algorithm { name = sha512, salt_position = suffix }, bootstrap_file = "users.csv", bootstrap_type = hash }`,
    input: {
      mechanism: 'password_based',
      backend: 'built_in_database',
      enable: false,
      user_id_type: 'clientid',
      password_hash_algorithm: { name: 'sha512', salt_position: 'suffix' },
      bootstrap_file: '/conf/users.csv',
      bootstrap_type: 'hash',
    },
    expected: {
      mechanism: 'password_based',
      backend: 'built_in_database',
      enable: false,
      user_id_type: 'clientid',
      password_hash_algorithm: { name: 'sha512', salt_position: 'suffix' },
      bootstrap_file: '/conf/users.csv',
      bootstrap_type: 'hash',
    },
  },
  ...[
    { name: 'bcrypt', salt_rounds: 9 } as const,
    { name: 'pbkdf2', mac_fun: 'sha512', iterations: 5000, dk_length: 32 } as const,
    { name: 'scrypt', cost: 32_768, block_size: 9, parallelization: 2, dk_length: 33 } as const,
  ].map((password_hash_algorithm) => ({
    what: `built-in users with ${password_hash_algorithm.name}`,
    hocon: `{ mechanism = password_based, backend = built_in_database, password_hash_algorithm ${JSON.stringify(password_hash_algorithm)} }`,
    input: { mechanism: 'password_based', backend: 'built_in_database', password_hash_algorithm } as const,
    expected: {
      mechanism: 'password_based',
      backend: 'built_in_database',
      enable: true,
      user_id_type: 'username',
      password_hash_algorithm,
      bootstrap_type: 'plain',
    } as const,
  })),
  {
    what: 'HTTP',
    hocon: `{ mechanism = password_based, backend = http, enable = false, method = post, url = "https://h/a?c=\${clientid}",
      headers { "X-Key" = "k" }, body { user = "\${username}", n = 1 }, request_timeout = 6s, pool_size = 3, ${ssl},
      connect_timeout = 5s, enable_pipelining = 10, max_inactive = 5s, pool_type = random }`,
    input: {
      mechanism: 'password_based',
      backend: 'http',
      enable: false,
      method: 'post',
      url: 'https://h/a?c=${clientid}',
      headers: { 'X-Key': 'k' },
      body: { user: '${username}', n: 1 },
      request_timeout: '6s',
      pool_size: 3,
      ssl: sslExpected,
    },
    expected: {
      mechanism: 'password_based',
      backend: 'http',
      enable: false,
      method: 'post',
      url: 'https://h/a?c=${clientid}',
      headers: { 'x-key': 'k' },
      body: { user: '${username}', n: '1' },
      request_timeout: 6000,
      pool_size: 3,
      ssl: sslExpected,
    },
  },
  {
    what: 'JWT with a secret',
    hocon: `{ mechanism = jwt, enable = false, from = username, algorithm = hmac-based, secret = "c2VjcmV0", secret_base64_encoded = true,
      verify_claims = [{ name = sub, value = "\${clientid}" }], disconnect_after_expire = false }`,
    input: {
      mechanism: 'jwt',
      enable: false,
      from: 'username',
      secret: 'secret',
      verify_claims: { sub: '${clientid}' },
      disconnect_after_expire: false,
    },
    expected: {
      mechanism: 'jwt',
      enable: false,
      from: 'username',
      keys: { type: 'hmac', secret: Buffer.from('secret') },
      verify_claims: { sub: '${clientid}' },
      disconnect_after_expire: false,
    },
  },
  {
    what: 'JWT with a key set',
    hocon: `{ mechanism = jwt, use_jwks = true, endpoint = "https://h/keys", headers { Accept = x }, refresh_interval = 60, pool_size = 2, ${ssl} }`,
    input: {
      mechanism: 'jwt',
      use_jwks: true,
      endpoint: 'https://h/keys',
      headers: { accept: 'x' },
      refresh_interval: 60,
      pool_size: 2,
      ssl: sslExpected,
    },
    expected: {
      mechanism: 'jwt',
      enable: true,
      from: 'password',
      keys: {
        type: 'jwks',
        endpoint: 'https://h/keys',
        headers: { accept: 'x' },
        refresh_interval: 60_000,
        pool_size: 2,
        ssl: sslExpected,
      },
      verify_claims: {},
      disconnect_after_expire: true,
    },
  },
]

export const settingsWritten: readonly (readonly [key: string, hocon: string])[] = [
  ['authentication_settings.failed_logins.enable', 'false'],
  ['authentication_settings.failed_logins.max_count', '34'],
  ['authentication_settings.failed_logins.window_time', '35s'],
  ['authentication_settings.failed_logins.ban_time', '36s'],
]

export const settingsExpected: AuthenticationSettings = {
  failed_logins: { enable: false, max_count: 34, window_time: 35_000, ban_time: 36_000 },
}
