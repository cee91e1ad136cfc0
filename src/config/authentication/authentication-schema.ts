/** `authentication`, EMQX's chain with EMQX's names and defaults, and `authentication_settings`, where ours stand. */
import * as z from 'zod'
import { duration, flag, integer, oneOf, refusal, section, text } from '../fields.ts'
import { sslSchema } from '../link-schema.ts'
import { placeholderProblem } from '../placeholders.ts'

const saltPosition = oneOf(['prefix', 'suffix', 'disable']).default('prefix')
const dkLength = integer(16, 512)

const passwordHashSchema = z.discriminatedUnion(
  'name',
  [
    section({ name: z.enum(['plain', 'md5', 'sha', 'sha256', 'sha512']), salt_position: saltPosition }),
    // EMQX takes 5 to 10; each round more doubles the time.
    section({ name: z.literal('bcrypt'), salt_rounds: integer(5, 15).default(10) }),
    section({
      name: z.literal('pbkdf2'),
      mac_fun: oneOf(['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512']),
      iterations: integer(1, 10_000_000),
      dk_length: dkLength.optional(),
    }),
    section({
      name: z.literal('scrypt'),
      cost: powerOfTwo(1024, 131_072).default(16_384),
      block_size: integer(1, 32).default(8),
      parallelization: integer(1, 16).default(1),
      dk_length: dkLength.default(64),
    }),
  ],
  { error: 'expected one of plain, md5, sha, sha256, sha512, bcrypt, pbkdf2 and scrypt' },
)

const builtInSchema = section({
  mechanism: z.literal('password_based'),
  backend: z.literal('built_in_database'),
  enable: flag().default(true),
  user_id_type: oneOf(['username', 'clientid']).default('username'),
  password_hash_algorithm: passwordHashSchema.prefault({ name: 'sha256' }),
  bootstrap_file: text('the name of a file that ends in .csv or .json')
    .regex(/\.(csv|json)$/i, { error: 'expected the name of a file that ends in .csv or .json' })
    .optional(),
  bootstrap_type: oneOf(['plain', 'hash']).default('plain'),
})

const webAddress = text('an address that begins with http:// or https://').regex(/^https?:\/\/[^\s/]/, {
  error: 'expected an address that begins with http:// or https://',
})

/** By their names; numbers and switches count as their text. */
function texts(expected: string, allowed?: readonly string[]) {
  const value = z.union([z.string(), z.number(), z.boolean()], { error: 'expected text in double quotes' })
  return z
    .record(placeholders(z.string(), allowed), placeholders(value.transform(String), allowed), {
      error: `expected ${expected}`,
    })
    .default({})
}

function placeholders<Input>(schema: z.ZodType<string, Input>, allowed?: readonly string[]): z.ZodType<string, Input> {
  return schema.superRefine((written, context) => {
    const problem = placeholderProblem(written, allowed)
    if (problem !== undefined)
      context.addIssue({ code: 'custom', message: problem, params: { reason: 'bad_value', problem: '' } })
  })
}

const headerNames = { expected: 'headers by their names: { "x-request-source" = "mqtt" }' }
const poolSize = integer(1, 1024).default(8)

/** Of EMQX's HTTP client: Node's own has no use for them. */
const idleHttpKeys = {
  connect_timeout: duration().optional(),
  enable_pipelining: z.union([flag(), integer(1, Number.MAX_SAFE_INTEGER)]).optional(),
  max_inactive: duration().optional(),
  pool_type: oneOf(['random', 'hash']).optional(),
}

const httpSchema = section({
  mechanism: z.literal('password_based'),
  backend: z.literal('http'),
  enable: flag().default(true),
  method: oneOf(['get', 'post']),
  url: placeholders(webAddress),
  headers: texts(headerNames.expected),
  body: texts('a section of names and values: { username = "${username}" }'),
  request_timeout: duration({ min: 1 }).default(5_000),
  pool_size: poolSize,
  ssl: sslSchema.prefault({}),
  ...idleHttpKeys,
})

const claimPlaceholders = ['username', 'clientid']

const jwtSchema = section({
  mechanism: z.literal('jwt'),
  enable: flag().default(true),
  from: oneOf(['username', 'password']).default('password'),
  use_jwks: flag().default(false),
  algorithm: oneOf(['hmac-based', 'public-key']).optional(),
  secret: text().min(1, { error: 'expected at least one character' }).optional(),
  secret_base64_encoded: flag().default(false),
  public_key: text('a public key or certificate in PEM, or the name of its file').min(1).optional(),
  endpoint: webAddress.optional(),
  headers: texts(headerNames.expected, []),
  // Seconds, as in EMQX.
  refresh_interval: integer(1, 86_400).default(300),
  pool_size: poolSize,
  ssl: sslSchema.prefault({}),
  verify_claims: verifyClaims(),
  disconnect_after_expire: flag().default(true),
})

/** A section by claim, or EMQX's list of `{ name, value }`. */
function verifyClaims() {
  const entry = section({ name: text('the name of a claim'), value: placeholders(z.string(), claimPlaceholders) })
  const section_ = texts('claims and their values: { username = "${username}" }', claimPlaceholders)
  const list = z.array(entry).transform((claims) => Object.fromEntries(claims.map(({ name, value }) => [name, value])))
  const reserved = ['exp', 'nbf', 'iat']
  return z
    .union([section_, list], { error: 'expected claims and their values: { username = "${username}" }' })
    .superRefine((claims, context) => {
      const name = reserved.find((claim) => Object.hasOwn(claims, claim))
      if (name === undefined) return
      const message = `${name} is checked in any case; leave it out`
      context.addIssue({ code: 'custom', message, params: { reason: 'bad_value', problem: '' } })
    })
}

/** What EMQX has beside them (scram, gssapi, LDAP, SQL databases, Redis...) is named as not supported. */
const authenticatorSchema = z.discriminatedUnion(
  'mechanism',
  [
    z.discriminatedUnion('backend', [builtInSchema, httpSchema], {
      error: 'expected built_in_database or http; this version has no other backend',
    }),
    jwtSchema,
  ],
  { error: 'expected password_based or jwt; this version has no other mechanism' },
)

export const authenticationSchema = z
  .array(authenticatorSchema, {
    error: 'expected a list: [{ mechanism = password_based, backend = built_in_database }]',
  })
  .default([])

export const authenticationSettingsSchema = section({
  // Named as in EMQX's `flapping_detect`, which shuts out clients that come and go too often.
  failed_logins: section({
    enable: flag().default(true),
    max_count: integer(1, 1_000_000).default(20),
    window_time: duration({ min: 1 }).default(60_000),
    ban_time: duration({ min: 1 }).default(60_000),
  }).prefault({}),
})

export type ParsedAuthenticator = z.output<typeof authenticatorSchema>

function powerOfTwo(min: number, max: number): z.ZodType<number, number | string> {
  return integer(min, max).superRefine((value, context) => {
    if (Number.isInteger(Math.log2(value))) return
    context.addIssue({ code: 'custom', ...refusal('bad_number', `a power of two from ${min} to ${max}`) })
  })
}
