/** What can be wrong with the store of a node, in words for the person who has to put it right. */

export type StoreErrorCode =
  /** The directory or the file can't be made, read or written. */
  | 'STORE_UNUSABLE'
  /** Another node uses it. */
  | 'STORE_IN_USE'
  /** It is not as it was written. */
  | 'STORE_DAMAGED'
  /** Another version of Isthmus wrote it, or something else altogether. */
  | 'STORE_VERSION_UNKNOWN'
  /** A transaction did not reach the disk; nothing of it was made. */
  | 'STORE_WRITE_FAILED'

export class StoreError extends Error {
  override readonly name = 'StoreError'
  readonly code: StoreErrorCode
  /** Whether it was for want of room on the disk. */
  readonly isFull: boolean

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions & { readonly isFull?: boolean }) {
    super(message, options)
    this.code = code
    this.isFull = options?.isFull ?? false
  }
}
