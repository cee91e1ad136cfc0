/** Who a client says or proved to be: what authenticators are asked about and rules are judged by. */

export type ClientInfo = {
  readonly clientId: string
  readonly username: string | undefined
  /** Address without port; an IPv4 address is never written as IPv6. Behind a proxy that speaks PROXY protocol: the client's own. */
  readonly peerHost: string
  readonly peerPort: number
  readonly protocolVersion: 3 | 4 | 5
  /** The listener by type and name, as EMQX writes it: `tcp:default`. */
  readonly listener: string
  /** Of the client's verified certificate, or as a proxy vouches for it. */
  readonly certificate: CertificateName | undefined
}

export type CertificateName = {
  readonly commonName: string | undefined
  /** The whole distinguished name, such as `CN=device-1,O=Example`. */
  readonly subject: string | undefined
}

/** What a CONNECT offers as proof. */
export type Credentials = ClientInfo & { readonly password: Buffer | undefined }

/** Who a client is after all was checked. */
export type Identity = ClientInfo & {
  /** Is asked for no rule, but for those about `$LINK/#`. */
  readonly isSuperuser: boolean
  /** EMQX's `client_attrs`: for `${client_attrs.NAME}` in rules. */
  readonly attributes: Readonly<Record<string, string>>
}

export const noAttributes: Identity['attributes'] = {}

/** No spread: one lives as long as each connection, and they are to share one shape. */
export function identityOf(client: ClientInfo, isSuperuser: boolean, attributes: Identity['attributes']): Identity {
  const { clientId, username, peerHost, peerPort, protocolVersion, listener, certificate } = client
  return {
    clientId,
    username,
    peerHost,
    peerPort,
    protocolVersion,
    listener,
    certificate,
    isSuperuser,
    attributes,
  }
}
