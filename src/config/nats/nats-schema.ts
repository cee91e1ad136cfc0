/** `cluster.nats`: the NATS servers over which the nodes of a cluster meet, and what the cluster may call its own there. */
import * as z from 'zod'
import { readHostPort } from '../address.ts'
import { flag, integer, oneOf, refusal, section, text } from '../fields.ts'

const file = (what: string): z.ZodString => text(what).min(1, { error: `expected ${what}` })
const pem = file('the name of a PEM file, or its text')

/** Written, it is on: nobody names a certificate in order not to use it. */
const tlsSchema = section({
  enable: flag().default(true),
  cacertfile: pem.optional(),
  certfile: pem.optional(),
  keyfile: pem.optional(),
  verify: oneOf(['verify_peer', 'verify_none']).default('verify_peer'),
  server_name_indication: file('a host name, or disable').optional(),
})

const prefixExpected =
  'a prefix of NATS subjects: at most 64 letters, digits, `-` and `_`, in parts with a dot between them'

export const natsSchema = section({
  servers: z
    .array(text('an address in double quotes, such as "nats://127.0.0.1:4222"').superRefine(checkServer), {
      error: 'expected a list of NATS servers: ["nats://127.0.0.1:4222"]',
    })
    .min(1, { error: 'expected at least one server: ["nats://127.0.0.1:4222"]' }),
  credentials: file('the name of a credentials file').optional(),
  user: text().min(1, { error: 'expected at least one character' }).optional(),
  password: text().optional(),
  nkey: file("a user's seed, which begins with SU, or the name of a file that holds it").optional(),
  tls: tlsSchema.optional(),
  prefix: text(prefixExpected)
    .refine((prefix) => /^(?=.{1,64}$)[\w-]+(?:\.[\w-]+)*$/.test(prefix), refusal('bad_name', prefixExpected))
    .default('isthmus'),
  replicas: integer(1, 5).optional(),
})

function checkServer(server: string, context: z.RefinementCtx): void {
  const refuse = (reason: 'unsupported_scheme' | 'bad_host' | 'bad_port_number', message: string): void => {
    context.addIssue({ code: 'custom', message, params: { reason, problem: '' } })
  }
  const [, scheme, rest = server] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/is.exec(server) ?? []
  if (scheme !== undefined && !/^(?:nats|tls)$/i.test(scheme)) {
    return refuse(
      'unsupported_scheme',
      `${scheme}:// is no scheme of a NATS server here; write nats://, tls:// or none`,
    )
  }
  if (rest.includes('@')) return refuse('bad_host', 'an address holds no user; write user and password as keys')
  const address = readHostPort(rest, 1, 4222)
  if (address.type === 'invalid') refuse(address.reason, address.message)
}

/** Whether a server as it is written wants TLS by itself. */
export const isTlsServer = (server: unknown): boolean => typeof server === 'string' && /^tls:\/\//i.test(server)
