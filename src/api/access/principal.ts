/** Who asks the API, and what routes say about who may. */

/** `viewer` may look, `administrator` may change. */
export const roles = ['administrator', 'viewer'] as const
export type Role = (typeof roles)[number]

export type Principal = {
  /** User name, name of the API key, or `local`. */
  readonly name: string
  readonly role: Role
  /** `local`: the token in the node's own data directory. */
  readonly via: 'api_key' | 'login' | 'local'
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; `undefined` on public routes. */
    principal: Principal | undefined
  }
  interface FastifyContextConfig {
    /** What one must be to call this route; without it `viewer` for GET and HEAD, `administrator` for the rest. */
    readonly role?: Role
    /** Whoever comes may call this route. */
    readonly public?: boolean
    /** API keys may not call this route: it is for people, and for the machine's own command line. */
    readonly people?: boolean
    /** Whether calls are written down; without it those that change something, which all do but GET and what a viewer may. */
    readonly audit?: boolean
  }
}
