/** Operator, accounts and a user as `nsc` makes them, for a server that trusts signed users (JWT, Ed25519). */
import { nkeys } from 'nats'

type KeyPair = ReturnType<typeof nkeys.createUser>

export type NatsAccounts = {
  /** For the server's configuration. */
  readonly settings: string
  /** A credentials file of a user whose account has JetStream. */
  readonly credentials: string
}

export function makeAccounts(): NatsAccounts {
  const [operator, system, account] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()]
  const user = nkeys.createUser()
  const operatorJwt = sign(operator, operator, 'O', { type: 'operator', system_account: system.getPublicKey() })
  const jwts = [
    [system, sign(operator, system, 'SYS', accountClaims({}))],
    [
      account,
      sign(operator, account, 'A', accountClaims({ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 })),
    ],
  ] as const
  const userJwt = sign(account, user, 'U', { type: 'user', pub: {}, sub: {}, subs: -1, data: -1, payload: -1 })
  return {
    settings: [
      `operator: "${operatorJwt}"`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: {\n${jwts.map(([key, jwt]) => `${key.getPublicKey()}: "${jwt}"`).join('\n')}\n}`,
    ].join('\n'),
    credentials: [
      '-----BEGIN NATS USER JWT-----',
      userJwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      Buffer.from(user.getSeed()).toString(),
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
  }
}

function accountClaims(jetStream: object): object {
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
  return { type: 'account', limits: { ...limits, ...jetStream }, default_permissions: { pub: {}, sub: {} } }
}

function sign(issuer: KeyPair, subject: KeyPair, name: string, nats: object): string {
  const claims = {
    jti: name,
    iat: Math.floor(Date.now() / 1000),
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  }
  const parts = [{ typ: 'JWT', alg: 'ed25519-nkey' }, claims].map((part) => {
    return Buffer.from(JSON.stringify(part)).toString('base64url')
  })
  const text = parts.join('.')
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`
}
