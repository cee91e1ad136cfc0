/** Asks those who leave what they have not saved. */
import { Confirm } from '../controls/confirm.tsx'
import { held, leave } from './route.ts'

export function Leaving() {
  if (held.value === undefined) return null
  return (
    <Confirm
      title="Leave without saving?"
      action="Leave"
      danger
      onConfirm={() => leave(true)}
      onClose={() => leave(false)}
    >
      <p>What you changed here is not saved, and will be lost.</p>
    </Confirm>
  )
}
