/** Why a command came to nothing, in words that say what to do. */
export class CommandFailure extends Error {
  override readonly name: string = 'CommandFailure'
  /** 1: failed. 2: usage or configuration. */
  readonly exitCode: 1 | 2

  constructor(exitCode: 1 | 2, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}
