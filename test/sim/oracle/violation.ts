/** What must hold (DESIGN, section 9), by its name here and its number there. */
export const invariants = {
  no_loop: 1,
  nothing_lost_unseen: 2,
  exactly_once: 3,
  order: 4,
  convergence: 5,
  no_gap: 6,
  one_speaker: 7,
  closed: 8,
  bounded: 9,
  ledger_balances: 10,
} as const

export type Invariant = keyof typeof invariants

/** Something that must hold did not. */
export type Violation = {
  readonly invariant: Invariant
  /** When it was seen, virtual milliseconds. */
  readonly atMs: number
  /** What it is about, without times and counts: two violations with the same subject are likely one bug. */
  readonly subject: string
  /** For people. */
  readonly words: string
}
