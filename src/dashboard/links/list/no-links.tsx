/** What a link is, for whoever sees this page for the first time. */
import { mayChange } from '../../api/session.ts'
import { Empty } from '../../controls/empty.tsx'
import { newLinkHash } from '../link-address.ts'

export function NoLinks() {
  return (
    <Empty title="No links yet">
      <Shores />
      <p>
        A link joins this cluster with another one, its <em>peer</em>. Messages cross it only if somebody over there has
        subscribed to them, and each of them once.
      </p>
      <ol class="steps">
        <li>Name it after the peer’s cluster, and say where the peer listens for MQTT.</li>
        <li>Say which topics this cluster wants from the peer: none, if it should only send.</li>
        <li>Make a link on the peer too, which names this cluster: each side says what it wants.</li>
      </ol>
      {mayChange() ? (
        <a class="button primary" href={newLinkHash}>
          Make the first link
        </a>
      ) : (
        <p class="muted">An administrator can make the first one.</p>
      )}
    </Empty>
  )
}

function Shores() {
  return (
    <svg class="shores" viewBox="0 0 240 64" aria-hidden="true" focusable="false">
      <path class="shore" d="M0 4c50 0 82 10 82 28S50 60 0 60z" />
      <path class="shore" d="M240 4c-50 0-82 10-82 28s32 28 82 28z" />
      <path class="bridge" d="M82 32h76" />
    </svg>
  )
}
