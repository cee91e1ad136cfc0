/** A few choices of which one holds, each a press away. */

export type Choice<Value extends string> = { readonly value: Value; readonly title: string; readonly count?: number }

export type ChoicesProps<Value extends string> = {
  readonly label: string
  readonly choices: readonly Choice<Value>[]
  readonly value: Value
  readonly onPick: (value: Value) => void
}

export function Choices<Value extends string>({ label, choices, value, onPick }: ChoicesProps<Value>) {
  return (
    <div class="chips" role="group" aria-label={label}>
      {choices.map(({ value: one, title, count }) => (
        <button key={one} type="button" class="chip" aria-pressed={one === value} onClick={() => onPick(one)}>
          {title}
          {count !== undefined && <b>{count}</b>}
        </button>
      ))}
    </div>
  )
}

export type PickProps = {
  readonly label: string
  readonly options: readonly (readonly [value: string, title: string])[]
  readonly value: string
  readonly onPick: (value: string) => void
}

/** One of a list that may be long. */
export function Pick({ label, options, value, onPick }: PickProps) {
  return (
    <label class="pick">
      <span class="unseen">{label}</span>
      <select value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        {options.map(([one, title]) => (
          <option key={one} value={one}>
            {title}
          </option>
        ))}
      </select>
    </label>
  )
}
