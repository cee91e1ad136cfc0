/** What is wrong with a configuration, and what is merely worth a word. Secrets never stand in either. */

export type ConfigError = {
  /** As the caller named it, or as an `include` did. Missing for a configuration that came as an object. */
  readonly file?: string
  /** Counted from 1. Missing where the text does not hold the key, for instance because it lacks. */
  readonly line?: number
  /** Path as one writes it: `cluster.links[0].topics[1]`; empty for the file as a whole. */
  readonly key: string
  /** What the file says, if it is one word and no secret. */
  readonly value?: string | number | boolean | null
  /** Fixed word to branch on: EMQX's where it has one. */
  readonly reason: ConfigErrorReason
  /** For people: what is wrong, what is allowed, what to do. */
  readonly message: string
  /** With `invalid_topics` and `redundant_topics`: each filter that is no good, in the order of the file. */
  readonly topics?: readonly RefusedTopic[]
}

export type RefusedTopic = {
  readonly topic: string
  /** EMQX's word (`empty_topic`, `topic_invalid_#`, `topic_not_allowed`...), or `redundant`. */
  readonly reason: string
  /** The filter that makes this one redundant. */
  readonly coveredBy?: string
}

export type ConfigErrorReason =
  // Words of EMQX.
  | 'required_field'
  | 'duplicated_cluster_links'
  | 'invalid_topics'
  | 'redundant_topics'
  | 'unsupported_scheme'
  | 'bad_port_number'
  | 'failed_to_read_acl_file'
  | 'bad_acl_file_content'
  // Ours.
  | 'unknown_key'
  | 'not_supported'
  | 'wrong_type'
  | 'bad_value'
  | 'bad_number'
  | 'bad_duration'
  | 'bad_size'
  | 'bad_rate'
  | 'bad_access_rule'
  | 'bad_bootstrap_file'
  | 'duplicated_authenticator'
  | 'bad_certificate'
  | 'bad_name'
  | 'bad_host'
  | 'link_to_itself'
  | 'duplicated_bind'
  | 'file_not_readable'
  | 'bad_include'
  | 'unresolved_substitution'
  | 'syntax_error'

export type ConfigWarning = {
  readonly file?: string
  readonly line?: number
  readonly key: string
  readonly reason:
    | 'no_effect'
    | 'plain_port_for_tls'
    | 'certificate_expiry'
    | 'unproved_identity'
    | 'link_accepts_nobody'
    | 'weak_password_hash'
    | 'nobody_admitted'
    | 'not_encrypted'
  readonly message: string
}

/** One line: `isthmus.conf:12: cluster.links[0].topcis: unknown key; did you mean "topics"? (unknown_key)`. */
export function formatConfigError({ file, line, key, reason, message }: ConfigError | ConfigWarning): string {
  const place = [file, line].filter((part) => part !== undefined).join(':')
  return [place, key, `${message} (${reason})`].filter((part) => part !== '').join(': ')
}

/** As the file is read: by place, and in the order of discovery where there is none. */
export function inOrderOfFile<Found extends ConfigError | ConfigWarning>(found: readonly Found[]): Found[] {
  const line = (item: Found): number => item.line ?? Number.POSITIVE_INFINITY
  // Infinity - Infinity is NaN, which would leave the order to chance.
  return [...found].sort((a, b) => (line(a) === line(b) ? 0 : line(a) - line(b)))
}
