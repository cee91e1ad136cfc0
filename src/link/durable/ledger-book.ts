/**
 * Where the messages of links stood, for the next process: the counts of each durable link are read when a commit begins, and written
 * with it if they have changed.
 */
import { encodeLedger, type LedgerCounts, ledgerKey, type LedgerSide } from './outbox-records.ts'
import type { LinkChange } from './outbox-store.ts'

type Account = { readonly key: Buffer; readonly read: () => LedgerCounts; onDisk: string | undefined; isGone: boolean }

export type LedgerChanges = {
  readonly changes: readonly LinkChange[]
  readonly written: readonly { readonly account: Account; readonly json: string | undefined }[]
}

const nothing: LedgerChanges = { changes: [], written: [] }

export class LedgerBook {
  readonly #accounts = new Map<string, Account>()
  /** Of which there is a record, or one was on its way to the disk. */
  readonly #recorded = new Set<string>()
  /** As they were found at the start, until somebody asks. */
  readonly #found = new Map<string, LedgerCounts>()

  found(side: LedgerSide, link: string, counts: LedgerCounts): void {
    this.#found.set(nameOf(side, link), counts)
    this.#recorded.add(nameOf(side, link))
  }

  /** What stood on the disk when the node started; only once. */
  claim(side: LedgerSide, link: string): LedgerCounts | undefined {
    const counts = this.#found.get(nameOf(side, link))
    this.#found.delete(nameOf(side, link))
    return counts
  }

  /** From now on this ledger is kept. @param read what stands in it; called when a commit begins */
  keep(side: LedgerSide, link: string, read: () => LedgerCounts): void {
    this.#accounts.set(nameOf(side, link), { key: ledgerKey(side, link), read, onDisk: undefined, isGone: false })
  }

  /** It is kept no more, nor what was found of it. */
  forget(side: LedgerSide, link: string): void {
    this.#found.delete(nameOf(side, link))
    if (this.#recorded.has(nameOf(side, link))) this.#accounts.set(nameOf(side, link), goneAccount(side, link))
    else this.#accounts.delete(nameOf(side, link))
  }

  /** Links of which something was found that nobody has asked for. */
  unclaimed(side: LedgerSide): string[] {
    return [...this.#found.keys()]
      .filter((name) => name.startsWith(`${side}\0`))
      .map((name) => name.slice(side.length + 1))
  }

  get hasChanged(): boolean {
    for (const account of this.#accounts.values()) if (account.isGone || jsonOf(account) !== account.onDisk) return true
    return false
  }

  /** @param all also those that have not changed */
  begin(all: boolean): LedgerChanges {
    if (this.#accounts.size === 0) return nothing
    const changes: LinkChange[] = []
    const written: { account: Account; json: string | undefined }[] = []
    for (const [name, account] of this.#accounts) {
      const json = account.isGone ? undefined : jsonOf(account)
      if (!all && !account.isGone && json === account.onDisk) continue
      changes.push({ table: 'ledgers', key: account.key, value: json === undefined ? undefined : encodeLedger(json) })
      written.push({ account, json })
      this.#recorded.add(name)
    }
    return { changes, written }
  }

  written({ written }: LedgerChanges): void {
    for (const { account, json } of written) {
      account.onDisk = json
      if (json !== undefined) continue
      for (const [name, one] of this.#accounts) {
        if (one !== account) continue
        this.#accounts.delete(name)
        this.#recorded.delete(name)
      }
    }
  }
}

function goneAccount(side: LedgerSide, link: string): Account {
  return { key: ledgerKey(side, link), read: () => ({}), onDisk: undefined, isGone: true }
}

function jsonOf({ read }: Account): string {
  return JSON.stringify(read())
}

function nameOf(side: LedgerSide, link: string): string {
  return `${side}\0${link}`
}
