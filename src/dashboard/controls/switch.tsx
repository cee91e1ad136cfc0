/** On or off, at once. */

export type SwitchProps = {
  readonly label: string
  readonly on: boolean
  readonly disabled?: boolean
  /** The label stands elsewhere. */
  readonly bare?: boolean
  readonly onChange: (on: boolean) => void
}

export function Switch({ label, on, disabled = false, bare = false, onChange }: SwitchProps) {
  return (
    <label class="switch">
      <input
        type="checkbox"
        role="switch"
        checked={on}
        aria-checked={on}
        disabled={disabled}
        onChange={(event) => {
          // What is so is shown by `on`, which follows once it is so.
          event.currentTarget.checked = on
          onChange(!on)
        }}
      />
      <span class="switch-track" aria-hidden="true" />
      <span class={bare ? 'unseen' : 'switch-label'}>{label}</span>
    </label>
  )
}
