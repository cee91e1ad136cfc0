/** Clients and authorizers of tests about rules. */
import assert from 'node:assert/strict'
import { RuleAuthorizer } from '../../../src/broker/access/acl/rule-authorizer.ts'
import type { Identity } from '../../../src/broker/access/client-info.ts'
import { parseAcl } from '../../../src/config/authorization/parse-acl.ts'
import type { AclRule } from '../../../src/config/authorization/acl-rule.ts'
import type { AuthorizationConfig } from '../../../src/config/authorization/authorization-config.ts'

export const identity: Identity = {
  clientId: 'c',
  username: 'u',
  peerHost: '10.1.2.3',
  peerPort: 50_000,
  protocolVersion: 5,
  listener: 'tcp:default',
  certificate: undefined,
  isSuperuser: false,
  attributes: {},
}

export function rulesOf(text: string): readonly AclRule[] {
  const result = parseAcl(text)
  assert.ok(result.type === 'ok', JSON.stringify(result))
  return result.rules
}

export function configOf(rules: readonly AclRule[], change: Partial<AuthorizationConfig> = {}): AuthorizationConfig {
  return {
    no_match: 'deny',
    deny_action: 'ignore',
    cache: { enable: true, max_size: 32 },
    topic_template_allow: { plus: false, hash: false, slash: false },
    sources: [{ type: 'file', enable: true, path: 'acl.conf', rules }],
    ...change,
  }
}

/** The rights of this client under these rules; what no rule speaks of is denied unless `change` says otherwise. */
export function accessOf(text: string, client: Partial<Identity> = {}, change: Partial<AuthorizationConfig> = {}) {
  return new RuleAuthorizer(configOf(rulesOf(text), change)).accessOf({ ...identity, ...client })
}
