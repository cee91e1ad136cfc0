/** Text with `${username}` and the like in it, as the configuration writes it: EMQX's placeholders. Pure. */
import type { Credentials } from '../client-info.ts'

/** One piece is text, the next the name of a placeholder, and so on. */
export type Template = readonly string[]

/** Takes only what `config/placeholders.ts` let pass. */
export function parseTemplate(text: string): Template {
  return text.split(/\$\{([^}]*)\}/)
}

/** @param encode what is done to each value on its way into the text */
export function render(template: Template, credentials: Credentials, encode: (value: string) => string = same): string {
  return template.map((piece, index) => (index % 2 === 0 ? piece : encode(valueOf(piece, credentials)))).join('')
}

const same = (value: string): string => value

/** What a client does not have is empty. */
function valueOf(name: string, credentials: Credentials): string {
  switch (name) {
    case 'username':
      return credentials.username ?? ''
    case 'password':
      return credentials.password?.toString('utf8') ?? ''
    case 'clientid':
      return credentials.clientId
    case 'peerhost':
      return credentials.peerHost
    case 'peerport':
      return String(credentials.peerPort)
    case 'listener':
      return credentials.listener
    case 'cert_common_name':
      return credentials.certificate?.commonName ?? ''
    case 'cert_subject':
      return credentials.certificate?.subject ?? ''
    default:
      return ''
  }
}
