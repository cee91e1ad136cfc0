/** Authorization after parsing: the rules themselves, not only where they stand. */
import type { AclRule } from './acl-rule.ts'

export type AuthorizationConfig = {
  /** Of what no rule speaks of. */
  readonly no_match: 'allow' | 'deny'
  readonly deny_action: 'ignore' | 'disconnect'
  /** Of each client; `max_size` is a number of topics. */
  readonly cache: { readonly enable: boolean; readonly max_size: number }
  readonly topic_template_allow: TopicTemplateAllow
  /** In their order, as one list of rules. */
  readonly sources: readonly AuthorizationSource[]
}

export type AuthorizationSource = {
  readonly type: 'file'
  readonly enable: boolean
  /** As it was written; `undefined` for rules within the configuration. */
  readonly path: string | undefined
  /** What the file said when the configuration was read; a source that is not enabled is not read and has none. */
  readonly rules: readonly AclRule[]
}

/** Which characters the value of a placeholder may hold: with one that may not, its filter speaks of nothing. */
export type TopicTemplateAllow = { readonly plus: boolean; readonly hash: boolean; readonly slash: boolean }
