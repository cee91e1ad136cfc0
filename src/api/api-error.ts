/** What the API answers when it can't do what was asked: a status, and EMQX's word for the kind of mistake. */

export type ApiErrorCode =
  | 'BAD_REQUEST'
  | 'ALREADY_EXISTS'
  | 'NOT_FOUND'
  | 'BAD_USERNAME_OR_PWD'
  | 'BAD_API_KEY_OR_SECRET'
  | 'TOKEN_TIME_OUT'
  | 'UNAUTHORIZED_ROLE'
  | 'AUTHORIZATION_HEADER_ERROR'
  | 'BAD_TOKEN'
  | 'API_KEY_NOT_ALLOW'
  | 'USER_NOT_FOUND'
  | 'ERROR_PWD_NOT_MATCH'
  | 'TOO_MANY_REQUESTS'
  | 'PAYLOAD_TOO_LARGE'
  | 'CONFLICT'
  | 'SERVICE_UNAVAILABLE'
  | 'INTERNAL_ERROR'

/** The body is `{ code, message, ... }`: `message` for people, and what `more` has besides. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly code: ApiErrorCode
  readonly more: Readonly<Record<string, unknown>>

  constructor(status: number, code: ApiErrorCode, message: string, more: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.more = more
  }
}
