/** Who may connect to a listener by address, as EMQX writes it: `allow all`, `deny 10.0.0.0/8`, several with commas. */
import { BlockList, isIP, isIPv4 } from 'node:net'

export type AccessRule = { readonly action: 'allow' | 'deny'; readonly cidr: string }

/** The rules that one entry of `access_rules` holds, or what is wrong with it in words. */
export function parseAccessRules(written: string): readonly AccessRule[] | { readonly problem: string } {
  const rules: AccessRule[] = []
  for (const part of written.split(',')) {
    const match = /^(allow|deny)\s+(\S+)$/.exec(part.trim())
    const [, action, cidr = ''] = match ?? []
    if (action === undefined || !isCidr(cidr)) return { problem: `${JSON.stringify(part.trim())} is no rule` }
    rules.push({ action: action as AccessRule['action'], cidr })
  }
  return rules
}

/** Compiled rules: the first that names an address decides; an address that none names is refused, as in EMQX. */
export class AccessRules {
  readonly #rules: readonly { readonly isAllowed: boolean; readonly addresses: BlockList | undefined }[]
  readonly #allowsAll: boolean

  /** @param written checked when the configuration was read */
  constructor(written: readonly string[]) {
    const rules = written.flatMap((entry) => {
      const parsed = parseAccessRules(entry)
      if ('problem' in parsed) throw new TypeError(`access_rules were not checked: ${parsed.problem}`)
      return parsed
    })
    this.#rules = rules.map(({ action, cidr }) => ({ isAllowed: action === 'allow', addresses: addressesOf(cidr) }))
    this.#allowsAll = rules[0]?.action === 'allow' && rules[0].cidr === 'all'
  }

  /** @param host an address; an IPv4 address not written as IPv6 */
  allows(host: string): boolean {
    if (this.#allowsAll) return true
    const family = isIPv4(host) ? 'ipv4' : 'ipv6'
    for (const { isAllowed, addresses } of this.#rules)
      if (addresses === undefined || addresses.check(host, family)) return isAllowed
    return false
  }
}

/** `undefined` for all. */
function addressesOf(cidr: string): BlockList | undefined {
  if (cidr === 'all') return undefined
  const [host = '', bits] = cidr.split('/')
  const family = isIPv4(host) ? 'ipv4' : 'ipv6'
  const list = new BlockList()
  if (bits === undefined) list.addAddress(host, family)
  else list.addSubnet(host, Number(bits), family)
  return list
}

function isCidr(text: string): boolean {
  if (text === 'all') return true
  const [host = '', bits, ...more] = text.split('/')
  const family = isIP(host)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
