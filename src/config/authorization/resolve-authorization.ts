/** From `authorization` as it was written to the rules themselves: a file of rules is part of the configuration, and so are its errors. */
import { resolve } from 'node:path'
import type * as z from 'zod'
import type { AclRule } from './acl-rule.ts'
import { type AclProblem, parseAcl } from './parse-acl.ts'
import type { AuthorizationConfig, AuthorizationSource } from './authorization-config.ts'
import type { authorizationSchema, authorizationSourceSchema } from './authorization-schema.ts'
import type { Finding, Remark } from '../config-issues.ts'
import type { Config } from '../config.ts'
import { type ReadFile, reasonOf } from '../hocon/hocon-include.ts'
import type { Place } from '../hocon/hocon.ts'
import type { KeyPath } from '../key-path.ts'

type Context = {
  readonly baseDir: string
  readonly readFile: ReadFile
  readonly placeOf: (path: KeyPath) => Place
}

export function resolveAuthorization(
  { no_match, deny_action, cache, topic_template_allow, sources }: z.output<typeof authorizationSchema>,
  context: Context,
): { readonly authorization: AuthorizationConfig; readonly findings: readonly Finding[] } {
  const findings: Finding[] = []
  const resolved = sources.map((source, index) => {
    const result = resolveSource(source, ['authorization', 'sources', index], context)
    findings.push(...result.findings)
    return result.source
  })
  const { enable, max_size } = cache
  return {
    authorization: { no_match, deny_action, cache: { enable, max_size }, topic_template_allow, sources: resolved },
    findings,
  }
}

/** Links that let in nobody: whoever guards a node may not know that its peers need a word, too. */
export function closedLinkRemarks({ authentication, authorization, cluster }: Config): Remark[] {
  const sources = authorization.sources.filter(({ enable }) => enable)
  const isOpen = authentication.length === 0 && sources.length === 0 && authorization.no_match === 'allow'
  if (isOpen || sources.some(({ rules }) => rules.some(opensLinks))) return []
  return cluster.links.flatMap(({ name, accept }, index): Remark[] => {
    if (accept !== undefined) return []
    const message = `lets nobody speak as ${name}: add accept { username = ... }, or a rule such as {allow, {username, "..."}, all, ["$LINK/#"]}.`
    return [{ path: ['cluster', 'links', index, 'accept'], reason: 'link_accepts_nobody', message }]
  })
}

function opensLinks({ permission, topics }: AclRule): boolean {
  if (permission === 'deny' || topics === 'all') return false
  return topics.some((topic) => {
    const first = topic.type === 'eq' ? topic.topic : topic.parts[0]
    return typeof first === 'string' && first.startsWith('$LINK/')
  })
}

type SourceResult = { readonly source: AuthorizationSource; readonly findings: readonly Finding[] }

function resolveSource(
  { enable, path, rules }: z.output<typeof authorizationSourceSchema>,
  at: KeyPath,
  context: Context,
): SourceResult {
  const source: AuthorizationSource = { type: 'file', enable, path, rules: [] }
  const refused = (finding: Finding): SourceResult => ({ source, findings: [finding] })
  if (path !== undefined && rules !== undefined) {
    return refused({ path: [...at, 'rules'], reason: 'bad_value', message: 'path is there, too; keep one of the two' })
  }
  if (path === undefined && rules === undefined) {
    const message = 'is missing; expected the name of a file with rules, or rules = """..."""'
    return refused({ path: [...at, 'path'], reason: 'required_field', message })
  }
  if (!enable) return { source, findings: [] }
  if (path === undefined) return parsed(source, rules ?? '', [...at, 'rules'], context.placeOf([...at, 'rules']))
  let text: string
  try {
    text = context.readFile(resolve(context.baseDir, path))
  } catch (error) {
    const message = `cannot read ${JSON.stringify(path)}: ${reasonOf(error)}`
    return refused({ path: [...at, 'path'], reason: 'failed_to_read_acl_file', message })
  }
  return parsed(source, text, [...at, 'path'], { file: path, line: 1 })
}

/** @param start of the text's first line */
function parsed(source: AuthorizationSource, text: string, path: KeyPath, start: Place): SourceResult {
  const result = parseAcl(text)
  if (result.type === 'ok') return { source: { ...source, rules: result.rules }, findings: [] }
  return { source, findings: result.problems.map((problem) => problemFinding(problem, path, start)) }
}

function problemFinding({ line, column, message }: AclProblem, path: KeyPath, start: Place): Finding {
  const isObject = start.line === undefined
  const place = isObject ? {} : { ...start, line: start.line + line - 1 }
  const words = isObject ? `line ${line}, column ${column}: ${message}` : `column ${column}: ${message}`
  return { path, place, reason: 'bad_acl_file_content', message: words }
}
