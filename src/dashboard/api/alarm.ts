/** What is wrong, or was, as the API shows it. */

export type Alarm = {
  readonly name: string
  /** A word for programs: `link_down`. */
  readonly kind: string
  readonly node: string
  readonly link?: string
  readonly reason: string
  readonly message: string
  readonly activated: boolean
  readonly activated_at: string
  readonly deactivated_at?: string
  readonly duration_ms: number
}
