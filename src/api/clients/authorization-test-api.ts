/** May this client do that, and by which rule? Asked of the code that decides for clients; nothing is changed by asking. */
import * as z from 'zod'
import type { Explanation, Question, RulePlace } from '../../broker/access/acl/explain.ts'
import type { Identity } from '../../broker/access/client-info.ts'
import { formatAclRule } from '../../config/authorization/format-acl.ts'
import type { LinkTopicQuestion, LinkTopicVerdict } from '../../link/inbound/judge-link-topic.ts'
import { parseSubscription } from '../../topics/subscription.ts'
import { topicNameProblem } from '../../topics/topic-filter.ts'
import { ApiError } from '../api-error.ts'
import type { ApiPart } from '../api-server.ts'

export interface AuthorizationPort {
  explain(identity: Identity, question: Question): Explanation
  /** Under `$LINK/`, after the rules had their say. */
  judgeLink(identity: Identity, question: LinkTopicQuestion): LinkTopicVerdict
  /** Whether the built-in database has such a client as a superuser. */
  isSuperuser(client: { readonly clientId: string; readonly username: string | undefined }): boolean
  /** Where a rule stands as the file is now; `file` is missing for rules within the configuration itself. */
  sourceOf(place: RulePlace): { readonly file?: string; readonly line?: number }
}

const text = z.string().max(65_535)

const question = z.object({
  clientid: text,
  username: text.optional(),
  peerhost: z.union([z.ipv4(), z.ipv6()]).default('127.0.0.1').describe("the client's address"),
  action: z.enum(['publish', 'subscribe']),
  topic: text.describe('a topic, or what stands in SUBSCRIBE, $share/... included'),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).default(0),
  retain: z.boolean().default(false).describe('of a publish'),
  listener: text.default('tcp:default').describe('by type and name'),
  cert_common_name: text.optional(),
  client_attrs: z.record(z.string(), text).default({}),
  is_superuser: z.boolean().optional().describe('left out: as the built-in database has the client'),
})

const answer = z.object({
  result: z.enum(['allow', 'deny']),
  by: z
    .enum(['rule', 'no_match', 'superuser', 'open', 'namespace', 'accept'])
    .describe(
      'no_match: no rule speaks of it; open: there are no rules; namespace: the node keeps the topic for itself; accept: of the link',
    ),
  rule: z.string().optional().describe('as it would stand in acl.conf'),
  source: z.object({ file: z.string().optional(), line: z.number().int().optional() }).optional(),
  message: z.string().optional(),
})

type Answer = z.infer<typeof answer>

export function authorizationTestApi(port: AuthorizationPort): ApiPart {
  return (app) => {
    app.post(
      '/authorization/test',
      {
        // It changes nothing.
        config: { role: 'viewer' },
        schema: {
          summary: 'May this client do that, and by which rule?',
          tags: ['Clients'],
          body: question,
          response: { 200: answer },
        },
      },
      ({ body }) => {
        checkTopic(body)
        return ask(port, identityOf(port, body), body)
      },
    )
  }
}

function checkTopic({ action, topic }: z.infer<typeof question>): void {
  const problem = action === 'publish' ? topicNameProblem(topic) : filterProblem(topic)
  if (problem !== undefined) throw new ApiError(400, 'BAD_REQUEST', `topic: ${problem}`)
}

function filterProblem(name: string): string | undefined {
  const parsed = parseSubscription(name)
  return parsed.type === 'invalid' ? parsed.problem : undefined
}

function identityOf(port: AuthorizationPort, asked: z.infer<typeof question>): Identity {
  const { clientid: clientId, username, peerhost, listener, cert_common_name, client_attrs, is_superuser } = asked
  const certificate = cert_common_name === undefined ? undefined : { commonName: cert_common_name, subject: undefined }
  return {
    clientId,
    username,
    peerHost: peerhost,
    peerPort: 0,
    protocolVersion: 5,
    listener,
    certificate,
    attributes: client_attrs,
    isSuperuser: is_superuser ?? port.isSuperuser({ clientId, username }),
  }
}

function ask(port: AuthorizationPort, identity: Identity, { action, topic, qos, retain }: Question): Answer {
  const explanation = port.explain(identity, { action, topic, qos, retain })
  if (explanation.type === 'link') {
    const verdict = port.judgeLink(identity, { action, topic, rules: explanation.verdict })
    const ofRule = verdict.by === 'rule' && explanation.rule !== undefined ? ruleFields(port, explanation.rule) : {}
    if (verdict.type === 'accepted') return { result: 'allow', by: verdict.by, ...ofRule }
    return { result: 'deny', by: verdict.by, ...ofRule, message: verdict.words }
  }
  const { type, by } = explanation
  return { result: type, by, ...(explanation.by === 'rule' ? ruleFields(port, explanation.rule) : {}) }
}

function ruleFields(port: AuthorizationPort, place: RulePlace): Pick<Answer, 'rule' | 'source'> {
  return { rule: formatAclRule(place.rule), source: { ...port.sourceOf(place) } }
}
