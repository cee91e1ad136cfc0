/**
 * A connection of the doctor's own, beside those of the link: with a ClientID that fits the same rules and is nobody else's, and without
 * a word that would make the peer take it for the link: it neither greets nor introduces an actor. It asks what it may do, step by step.
 */
import type { ServerAddress, LinkConfig } from '../../config/config.ts'
import type { ConnectionListener, LinkConnection, OpenConnection } from '../connection.ts'
import { type Account, decodeAccount, encodeEnquiry, type Enquiry } from '../enquiry.ts'
import { answerTopic, messageTopic, routeTopic } from '../inbound/link-topic.ts'
import type { LinkFailure } from '../link-failure.ts'

/** Who knocks. */
export type Caller = {
  /** Our cluster. */
  readonly cluster: string
  /** Under which name our routes come. */
  readonly actor: string
  readonly clientId: string
}

/** What became of one packet: a reason code; `ended`: the peer closed the connection instead; `silent`: nothing came in time. */
export type Reply =
  | { readonly type: 'code'; readonly reasonCode: number }
  | { readonly type: 'ended'; readonly failure: LinkFailure }
  | { readonly type: 'silent'; readonly afterMs: number }

export type KnockPorts = {
  readonly open: OpenConnection
  readonly clock: { after(ms: number, call: () => void): { cancel(): void } }
}

/** How long it is waited for what only our like says, milliseconds. */
const ACCOUNT_MS = 1_000

export class Knock implements ConnectionListener {
  readonly #ports: KnockPorts
  readonly #caller: Caller
  readonly #replyMs: number
  readonly #connection: LinkConnection
  readonly #connected: Promise<LinkFailure | undefined>
  #settleConnected: (failure: LinkFailure | undefined) => void = () => undefined
  /** Wait for something on the connection. */
  readonly #waiters = new Set<(failure: LinkFailure) => void>()
  #failure: LinkFailure | undefined
  #account: Account | undefined
  #told: ((account: Account) => void) | undefined

  /** @param replyMs how long is waited for the answer to each packet */
  constructor(
    ports: KnockPorts,
    caller: Caller,
    link: LinkConfig,
    addresses: readonly ServerAddress[],
    replyMs: number,
  ) {
    this.#ports = ports
    this.#caller = caller
    this.#replyMs = replyMs
    this.#connected = new Promise((resolve) => (this.#settleConnected = resolve))
    const { username, password, ssl, tcp_opts: tcp } = link
    const { clientId } = caller
    const connectMs = Math.min(link.resource_opts.start_timeout, replyMs / addresses.length)
    this.#connection = ports.open({ clientId, addresses, username, password, ssl, tcp, connectMs }, this)
  }

  /** Resolves when the peer has said yes (`undefined`) or has not. */
  connected(): Promise<LinkFailure | undefined> {
    return this.#connected
  }

  /** May we wait for the peer's answers? */
  maySubscribe(): Promise<Reply> {
    const { cluster, actor } = this.#caller
    return this.#reply((answered) => this.#connection.subscribe(answerTopic(cluster, actor), answered))
  }

  /** May we tell the peer what we want? */
  mayRoute(enquiry: Enquiry): Promise<Reply> {
    return this.#publish(routeTopic(this.#caller.cluster), enquiry)
  }

  /** May we send messages? */
  maySend(): Promise<Reply> {
    return this.#publish(messageTopic(this.#caller.cluster), {})
  }

  /** What the peer says of the link, if it is our like and was asked; `undefined` for one that does not say. */
  account(): Promise<Account | undefined> {
    if (this.#account !== undefined || this.#failure !== undefined) return Promise.resolve(this.#account)
    return new Promise((resolve) => {
      const timer = this.#ports.clock.after(ACCOUNT_MS, () => resolve(undefined))
      this.#told = (account) => {
        timer.cancel()
        resolve(account)
      }
    })
  }

  close(): void {
    this.#connection.close()
  }

  up(): void {
    this.#settleConnected(undefined)
  }

  down(failure: LinkFailure): void {
    this.#failure = failure
    this.#settleConnected(failure)
    for (const end of this.#waiters) end(failure)
    this.#waiters.clear()
  }

  message(topic: string, payload: Buffer): void {
    const { cluster, actor } = this.#caller
    const account = topic === answerTopic(cluster, actor) ? decodeAccount(payload) : undefined
    if (account === undefined) return
    this.#account = account
    this.#told?.(account)
  }

  #publish(topic: string, enquiry: Enquiry): Promise<Reply> {
    const { cluster, actor } = this.#caller
    const responseTopic = answerTopic(cluster, actor)
    const payload = encodeEnquiry(enquiry)
    return this.#reply((answered) => this.#connection.publish({ topic, payload, qos: 1, responseTopic }, answered))
  }

  #reply(ask: (answered: (reasonCode: number) => void) => void): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.resolve({ type: 'ended', failure: this.#failure })
    return new Promise((resolve) => {
      const end = (reply: Reply): void => {
        timer.cancel()
        this.#waiters.delete(ended)
        resolve(reply)
      }
      const ended = (failure: LinkFailure): void => end({ type: 'ended', failure })
      const timer = this.#ports.clock.after(this.#replyMs, () => end({ type: 'silent', afterMs: this.#replyMs }))
      this.#waiters.add(ended)
      ask((reasonCode) => end({ type: 'code', reasonCode }))
    })
  }
}
