/** `authorization`: what clients may do. EMQX's keys and defaults; of its sources the file is there. */
import * as z from 'zod'
import { duration, flag, integer, oneOf, section, text } from '../fields.ts'

/** EMQX's other sources, which are refused by name. */
const otherSources = ['built_in_database', 'mongodb', 'redis', 'mysql', 'postgresql', 'http', 'ldap', 'client_info']

const sourceType = text('file').superRefine((type, context) => {
  if (type === 'file') return
  const isKnown = otherSources.includes(type)
  const message = isKnown
    ? `this version of Isthmus does not have sources of type ${type}; put the rules into a file: type = file`
    : 'expected file'
  const params = isKnown ? { reason: 'not_supported', problem: '' } : { reason: 'bad_value' }
  context.addIssue({ code: 'custom', message, params })
})

export const authorizationSourceSchema = section({
  type: sourceType,
  enable: flag().default(true),
  path: text('the name of a file').min(1, { error: 'expected the name of a file' }).optional(),
  rules: text('rules in triple double quotes').optional(),
})

export const authorizationSchema = section({
  no_match: oneOf(['allow', 'deny']).default('allow'),
  deny_action: oneOf(['ignore', 'disconnect']).default('ignore'),
  cache: section({
    enable: flag().default(true),
    max_size: integer(1, 1_048_576).default(32),
    ttl: duration().optional(),
    excludes: z
      .array(text('a topic filter in double quotes'), { error: 'expected a list of topic filters' })
      .optional(),
  }).prefault({}),
  topic_template_allow: section({
    plus: flag().default(false),
    hash: flag().default(false),
    slash: flag().default(false),
  }).prefault({}),
  sources: z
    .array(authorizationSourceSchema, { error: 'expected a list of sources: [{ type = file, path = "acl.conf" }]' })
    .default([]),
})
