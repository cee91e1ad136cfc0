/** `isthmus links create` and `update`: settings from options, a file, or a person, as the API takes them. */
import { dirname } from 'node:path'
import { type ApiClient, segment } from '../api-client.ts'
import { apiOf, type AskOptions } from '../ask.ts'
import { CommandFailure } from '../command-failure.ts'
import type { ExitCode } from '../command.ts'
import { type Fields, isFields } from '../fields.ts'
import { text } from '../inspect/rows.ts'
import { askSecret, hasPerson } from '../prompt.ts'
import { givenSecret, readInput } from '../read-secret.ts'
import { fieldsIn, showJson, showLines } from '../show.ts'
import type { Terminal } from '../terminal.ts'
import { told } from './act.ts'
import { type LinkGiven, settingsOf } from './link-options.ts'

type WriteOptions = LinkGiven & AskOptions & { readonly check: boolean; readonly wait: number | undefined }

export async function create(link: string | undefined, options: WriteOptions, terminal: Terminal): Promise<ExitCode> {
  const body = await written({ ...(await fromFile(options.file, terminal)) }, options, terminal)
  if (link !== undefined) body['name'] = link
  if (body['name'] === undefined)
    throw new CommandFailure(2, 'links create: LINK is missing: the name of the cluster at the other end')
  const { username } = body
  if (typeof username === 'string' && body['password'] === undefined && hasPerson(terminal)) {
    const password = await askSecret(terminal, `password of ${username} at the peer (empty for none): `)
    if (password !== '') body['password'] = password
  }
  const api = await apiOf(options, terminal)
  if (options.check) return check(api, body, undefined, options, terminal)
  return told(api, await api.request('POST', '/cluster/links', { body }), 'created', options, terminal)
}

export async function update(
  link: string,
  options: WriteOptions & { readonly unset: readonly string[] },
  terminal: Terminal,
): Promise<ExitCode> {
  const file = await fromFile(options.file, terminal)
  const changes = await written({}, options, terminal)
  if (Object.keys(file).length + Object.keys(changes).length + options.unset.length === 0)
    throw new CommandFailure(2, 'links update: what is to change? `isthmus links update --help` has all options')
  const api = await apiOf(options, terminal)
  const path = `/cluster/links/${segment(link)}`
  const known = await api.get(path)
  // What an answer shows beside the settings is passed over when it comes back, and secrets that are masked stay as they are.
  const body = merged(merged(isFields(known) ? known : {}, file), changes)
  for (const field of options.unset) unset(body, field)
  if (options.check) return check(api, body, link, options, terminal)
  return told(api, await api.request('PUT', path, { body }), 'updated', options, terminal)
}

type Body = { [field: string]: unknown }

/** The settings that the options give, over those that are there. */
async function written(base: Body, options: LinkGiven, terminal: Terminal): Promise<Body> {
  const settings = settingsOf(options)
  if (typeof settings === 'string') throw new CommandFailure(2, settings)
  for (const [field, value] of settings) set(base, field, value)
  const asked = options['ask-password'] ? await askSecret(terminal, 'password at the peer: ') : undefined
  const password = (await givenSecret(options, terminal)) ?? asked
  if (password !== undefined) base['password'] = password
  return base
}

/** A link as it stands in `cluster.links`; none for no file. */
async function fromFile(file: string | undefined, terminal: Terminal): Promise<Fields> {
  if (file === undefined) return {}
  const written = await readInput(file, '--file', terminal)
  const [{ readHocon }, { readTextFile }, { formatConfigError }] = await Promise.all([
    import('../../config/hocon/hocon.ts'),
    import('../../config/resolve-config.ts'),
    import('../../config/config-error.ts'),
  ])
  const name = file === '-' ? 'standard input' : file
  const place = { file: name, baseDir: file === '-' ? '.' : dirname(file) }
  const read = await readHocon(written, place, terminal.env, readTextFile)
  const errors = read.errors.map(formatConfigError)
  if (read.type === 'invalid' || errors.length > 0) throw new CommandFailure(2, errors.join('\n'))
  const { cluster } = read.value
  if (isFields(cluster))
    throw new CommandFailure(
      2,
      `${name}: this is a whole configuration; a link alone is wanted: { name = ..., server = ... }`,
    )
  return read.value
}

/** What the node would say: it changes nothing. */
async function check(
  api: ApiClient,
  body: Fields,
  existing: string | undefined,
  options: AskOptions,
  terminal: Terminal,
): Promise<ExitCode> {
  const verdict = await api.request('POST', '/cluster/links/check', { body, query: { existing } })
  const { ok, errors } = isFields(verdict) ? verdict : {}
  if (options.json) showJson(terminal, verdict)
  else if (ok === true) showLines(terminal, ['good'])
  else
    for (const { field, message } of fieldsIn(errors)) terminal.complaints.write(fieldLine(text(field), text(message)))
  return ok === true ? 0 : 1
}

const fieldLine = (field: string, message: string): string => `${field === '' ? '' : `${field}: `}${message}\n`

/** Sections are put together, all else is replaced. */
function merged(base: Fields, over: Fields): Body {
  const result: Body = { ...base }
  for (const [name, value] of Object.entries(over)) {
    const known = result[name]
    result[name] = isFields(value) && isFields(known) ? merged(known, value) : value
  }
  return result
}

function set(body: Body, field: string, value: unknown): void {
  const [name = '', ...rest] = field.split('.')
  if (rest.length === 0) {
    body[name] = value
    return
  }
  const known = body[name]
  const section: Body = isFields(known) ? { ...known } : {}
  set(section, rest.join('.'), value)
  body[name] = section
}

function unset(body: Body, field: string): void {
  const [name = '', ...rest] = field.split('.')
  const known = body[name]
  if (rest.length === 0) delete body[name]
  else if (isFields(known)) {
    const section: Body = { ...known }
    unset(section, rest.join('.'))
    body[name] = section
  }
}
