/** `authorization` with every key off its default, as the round trip reads it: written, as an object, and as the node has it. */
import type { AclRule } from '../../../src/config/authorization/acl-rule.ts'
import type { AuthorizationConfig } from '../../../src/config/authorization/authorization-config.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'

/** Keys of `authorization.sources[]` stand in two sources, for `path` and `rules` exclude each other. */
export const authorizationWritten: readonly (readonly [key: string, hocon: string])[] = [
  ['authorization.no_match', 'deny'],
  ['authorization.deny_action', 'disconnect'],
  ['authorization.cache.enable', 'false'],
  ['authorization.cache.max_size', '30'],
  ['authorization.cache.ttl', '31s'],
  ['authorization.cache.excludes', '["t/#"]'],
  ['authorization.topic_template_allow.plus', 'true'],
  ['authorization.topic_template_allow.hash', 'true'],
  ['authorization.topic_template_allow.slash', 'true'],
  ['authorization.sources[].type', 'file'],
  ['authorization.sources[].enable', 'true'],
  ['authorization.sources[].path', 'acl.conf'],
  ['authorization.sources[].rules', '"""{deny, all}."""'],
]

export const sourcesText =
  'authorization.sources = [{ type = file, path = "acl.conf" }, { type = file, enable = true, rules = """{deny, all}.""" }]'

export const aclFile = '{allow, {username, "a"}, publish, ["t"]}.'

export const authorizationInput: ConfigInput['authorization'] = {
  no_match: 'deny',
  deny_action: 'disconnect',
  cache: { enable: false, max_size: 30 },
  topic_template_allow: { plus: true, hash: true, slash: true },
  sources: [
    { type: 'file', path: 'acl.conf' },
    { type: 'file', rules: '{deny, all}.' },
  ],
}

const read: AclRule = {
  permission: 'allow',
  who: { type: 'username', is: { type: 'eq', text: 'a' } },
  action: { type: 'publish', qos: [0, 1, 2], retain: 'all' },
  topics: [{ type: 'filter', parts: ['t'] }],
}
const inline: AclRule = {
  permission: 'deny',
  who: { type: 'all' },
  action: { type: 'all', qos: [0, 1, 2], retain: 'all' },
  topics: 'all',
}

export const authorizationExpected: AuthorizationConfig = {
  no_match: 'deny',
  deny_action: 'disconnect',
  cache: { enable: false, max_size: 30 },
  topic_template_allow: { plus: true, hash: true, slash: true },
  sources: [
    { type: 'file', enable: true, path: 'acl.conf', rules: [read] },
    { type: 'file', enable: true, path: undefined, rules: [inline] },
  ],
}
