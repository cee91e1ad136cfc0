/** Small drawings that stand beside words, never instead of them. */

const PATHS = {
  links: 'M9 7H6a5 5 0 0 0 0 10h3M15 7h3a5 5 0 0 1 0 10h-3M8 12h8',
  map: 'M5 5a2 2 0 1 0 .1 0M19 9a2 2 0 1 0 .1 0M9 19a2 2 0 1 0 .1 0M7 7l10 3M6 9l2 8M17 13l-7 6',
  nodes: 'M4 4h16v6H4zM4 14h16v6H4zM8 7h.1M8 17h.1',
  clients: 'M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4 21c0-4 3.5-6 8-6s8 2 8 6',
  subscriptions: 'M4 5a15 15 0 0 1 15 15M4 11a9 9 0 0 1 9 9M5 19h.1',
  retained: 'M6 3h12v18l-6-5-6 5z',
  alarms: 'M12 3 2 20h20zM12 10v4M12 17h.1',
  log: 'M4 5h16M4 10h16M4 15h10M4 20h12',
  actors: 'M12 3v5M12 8 5 16M12 8l7 8M12 8v8M3 16h4v4H3zM10 16h4v4h-4zM17 16h4v4h-4z',
  overview: 'M4 4h7v9H4zM13 4h7v5h-7zM13 11h7v9h-7zM4 15h7v5H4z',
  access: 'M6 11V8a6 6 0 0 1 12 0v3M4 11h16v10H4zM12 15v3',
  menu: 'M4 6h16M4 12h16M4 18h16',
  close: 'M5 5l14 14M19 5 5 19',
  plus: 'M12 4v16M4 12h16',
  search: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM15 15l6 6',
  theme: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  leave: 'M10 4H4v16h6M9 12h12M17 8l4 4-4 4',
  out: 'M5 19 19 5M9 5h10v10',
  in: 'M19 5 5 19M15 19H5V9',
  check: 'M4 13l5 5L20 6',
  warning: 'M12 3 2 20h20zM12 10v4M12 17h.1',
  skipped: 'M5 12h14',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  )
}

/** Two shores and what joins them. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path d="M3 4c10 0 9 9 9 12s1 12-9 12M29 4c-10 0-9 9-9 12s-1 12 9 12" />
      <path class="mark-bridge" d="M12 16h8" />
    </svg>
  )
}
