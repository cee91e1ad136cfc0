/** Which clients a rule is about. Its patterns and networks are prepared once; each client is asked about when it connects. */
import { BlockList, isIPv6 } from 'node:net'
import type { AclWho, Network, TextTest } from '../../../config/authorization/acl-rule.ts'
import { compilePattern } from '../../../config/authorization/linear-pattern.ts'
import type { Identity } from '../client-info.ts'

/** `undefined`: the client's name is too long to be looked at with a pattern. Whoever forbids takes that for a yes, whoever allows for a no. */
export type WhoFits = (identity: Identity) => boolean | undefined

export function compileWho(who: AclWho): WhoFits {
  switch (who.type) {
    case 'all':
      return () => true
    case 'username':
      return ofText(who.is, ({ username }) => username)
    case 'clientid':
      return ofText(who.is, ({ clientId }) => clientId)
    case 'listener':
      return ofText(who.is, ({ listener }) => listener)
    case 'client_attr':
      return ofText(who.is, ({ attributes }) => ownValue(attributes, who.name))
    case 'ipaddr':
      return ofNetworks(who.networks)
    case 'and':
      return all(who.of.map(compileWho))
    case 'or':
      return any(who.of.map(compileWho))
  }
}

/** The value of a client's own attribute: a name such as `constructor` stands for no other. */
export function ownValue(attributes: Identity['attributes'], name: string): string | undefined {
  return Object.hasOwn(attributes, name) ? attributes[name] : undefined
}

function ofText(is: TextTest, read: (identity: Identity) => string | undefined): WhoFits {
  if (is.type === 'eq') return (identity) => read(identity) === is.text
  const compiled = compilePattern(is.pattern)
  // A pattern that is no good was refused where it was read.
  if (compiled.type === 'invalid') return () => undefined
  return (identity) => {
    const text = read(identity)
    return text === undefined ? false : compiled.pattern.test(text)
  }
}

function ofNetworks(networks: readonly Network[]): WhoFits {
  const list = new BlockList()
  for (const { address, prefixLength, family } of networks) list.addSubnet(address, prefixLength, family)
  return ({ peerHost }) => {
    const address = peerHost.replace(/%.*$/, '')
    return list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

function all(parts: readonly WhoFits[]): WhoFits {
  return (identity) => {
    const answers = parts.map((part) => part(identity))
    if (answers.includes(false)) return false
    return answers.includes(undefined) ? undefined : true
  }
}

function any(parts: readonly WhoFits[]): WhoFits {
  return (identity) => {
    const answers = parts.map((part) => part(identity))
    if (answers.includes(true)) return true
    return answers.includes(undefined) ? undefined : false
  }
}
