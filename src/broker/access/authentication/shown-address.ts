/** The address of a service as a log may show it. */

/** Without what may be a secret in it: a user and password, and the query. Its placeholders stay as they are. */
export function shownAddress(address: string): string {
  return address.replace(/\/\/[^/]*@/, '//').replace(/\?.*$/s, '')
}
