/**
 * What each request does to the list of links. A decision is made on the list as it is at that moment, and once more if somebody else
 * was faster: of two who create a link of one name, or delete it, one learns that he came too late.
 */
import { isDeepStrictEqual } from 'node:util'
import { type DecideLinks, linkEdits } from '../../cluster/config/link-edits.ts'
import type { LinkConfig } from '../../config/config.ts'
import { ApiError } from '../api-error.ts'
import {
  type FieldError,
  invalid,
  nameIn,
  readLink,
  readLinks,
  readOneLink,
  readOrThrow,
  type ReadInSlices,
} from './link-body.ts'

/** @param cluster name of the local cluster, as in all functions here */
export function createLink(cluster: string, body: unknown): DecideLinks {
  return (links) => {
    const link = readLink(cluster, body, undefined)
    if (find(links, link.name) !== undefined) throw alreadyExists()
    return [{ type: 'put', link }]
  }
}

export function replaceLink(cluster: string, name: string, body: unknown): DecideLinks {
  return (links) => {
    const kept = known(links, name)
    if (nameIn(body) !== undefined && nameIn(body) !== name) throw invalid([renamed(name)])
    return linkEdits([kept], [readLink(cluster, withName(body, name), kept)])
  }
}

/** Creates or replaces the link that the body names. */
export function putLink(cluster: string, body: unknown): DecideLinks {
  return (links) => {
    const kept = find(links, nameIn(body))
    return linkEdits(kept === undefined ? [] : [kept], [readLink(cluster, body, kept)])
  }
}

/** All that are not named go. @param read the bodies as they were read when these links were there; if they are others now, they are read again */
export function putAllLinks(cluster: string, bodies: readonly unknown[], read?: ReadInSlices): DecideLinks {
  return (links) => {
    const isAsRead = read !== undefined && isDeepStrictEqual(read.kept, links)
    const wanted = isAsRead ? read.links : readOrThrow(readLinks(cluster, bodies, links))
    return linkEdits(links, wanted)
  }
}

export function deleteLink(name: string): DecideLinks {
  return (links) => [{ type: 'delete', name: known(links, name).name }]
}

export function enableLink(name: string, enable: boolean): DecideLinks {
  return (links) => {
    const link = known(links, name)
    return link.enable === enable ? [] : [{ type: 'put', link: { ...link, enable } }]
  }
}

/**
 * What `createLink` would say, or `replaceLink`.
 * @param existing name of the link that is edited
 */
export function checkLink(
  cluster: string,
  links: readonly LinkConfig[],
  body: unknown,
  existing: string | undefined,
): readonly FieldError[] {
  const kept = existing === undefined ? undefined : known(links, existing)
  const name = nameIn(body)
  const asNamed = kept !== undefined && name === undefined ? withName(body, kept.name) : body
  const read = readOneLink(cluster, asNamed, kept)
  const errors = read.type === 'ok' ? [] : [...read.errors]
  if (kept !== undefined && name !== undefined && name !== kept.name) errors.push(renamed(kept.name))
  if (kept === undefined && find(links, name) !== undefined)
    errors.push({ field: 'name', reason: 'already_exists', message: alreadyExists().message })
  return errors
}

/** Throws `ApiError` if there is no such link. */
export function known(links: readonly LinkConfig[], name: string): LinkConfig {
  const link = find(links, name)
  if (link === undefined) throw new ApiError(404, 'NOT_FOUND', 'Cluster link not found')
  return link
}

function find(links: readonly LinkConfig[], name: string | undefined): LinkConfig | undefined {
  return links.find((link) => link.name === name)
}

function alreadyExists(): ApiError {
  return new ApiError(400, 'ALREADY_EXISTS', 'Cluster link already exists')
}

function renamed(name: string): FieldError {
  const message = `a link keeps its name, here ${JSON.stringify(name)}: it is the peer's; create a link of the other name`
  return { field: 'name', reason: 'renamed', message }
}

function withName(body: unknown, name: string): unknown {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body, name } : body
}
