/** Who the link is, how it is, and what can be done with it as a whole. */
import { useState } from 'preact/hooks'
import type { Link } from '../../api/link.ts'
import { wordsOfFault } from '../../api/request.ts'
import { mayChange } from '../../api/session.ts'
import { Confirm } from '../../controls/confirm.tsx'
import { tell, tellFault } from '../../controls/notice.ts'
import { StatusBadge } from '../../controls/status-badge.tsx'
import { listHash } from '../link-address.ts'
import { linkApi } from '../link-api.ts'
import { EnableSwitch } from '../list/link-line.tsx'

export type LinkHeadProps = { readonly link: Link; readonly onChanged: () => void }

export function LinkHead({ link, onChanged }: LinkHeadProps) {
  const { name, server, status, reasons, peer_dialect: dialect, peer } = link
  const facts = [server, dialect, peer?.node].filter((fact) => fact !== undefined && fact !== '')
  return (
    <header class="page-head link-head">
      <div class="link-who">
        <a class="up" href={listHash}>
          Links
        </a>
        <h1 id="link-title">{name}</h1>
        <p class="link-facts mono">{facts.join(' · ')}</p>
      </div>
      <div class="link-state" aria-live="polite">
        <StatusBadge status={status} />
        <p class="reason">{reasons.join('; ')}</p>
      </div>
      {mayChange() && <Actions link={link} onChanged={onChanged} />}
    </header>
  )
}

function Actions({ link, onChanged }: LinkHeadProps) {
  const [asked, setAsked] = useState<'reset' | 'delete' | undefined>()
  const { name, enable } = link
  const isPaused = link.node_status.some(({ paused }) => paused === true)
  const close = (): void => setAsked(undefined)
  const pause = async (): Promise<void> => {
    try {
      await (isPaused ? linkApi.resume(name) : linkApi.pause(name))
      tell(isPaused ? `${name} forwards again` : `${name} is paused: messages wait in the outbox`)
      onChanged()
    } catch (error) {
      tellFault(wordsOfFault(error))
    }
  }
  return (
    <div class="link-actions">
      <EnableSwitch name={name} enable={enable} labelled onChanged={onChanged} />
      <button type="button" class="button" disabled={!enable} onClick={() => void pause()}>
        {isPaused ? 'Resume' : 'Pause'}
      </button>
      <button type="button" class="button" onClick={() => setAsked('reset')}>
        Reset metrics
      </button>
      <button type="button" class="button danger-quiet" onClick={() => setAsked('delete')}>
        Delete
      </button>
      {asked === 'reset' && (
        <Confirm
          title="Reset the metrics?"
          action="Reset"
          onClose={close}
          onConfirm={async () => {
            await linkApi.reset(name)
            tell(`The metrics of ${name} begin anew`)
          }}
        >
          <p>
            All counts of <b>{name}</b> begin at zero, on all nodes. What waits or flies is kept.
          </p>
        </Confirm>
      )}
      {asked === 'delete' && <Delete name={name} enable={enable} onClose={close} />}
    </div>
  )
}

function Delete({ name, enable, onClose }: { name: string; enable: boolean; onClose: () => void }) {
  return (
    <Confirm
      title={`Delete ${name}?`}
      action="Delete link"
      danger
      typed={name}
      onClose={onClose}
      onConfirm={async () => {
        await linkApi.remove(name)
        tell(`${name} is deleted`)
        location.hash = listHash
      }}
    >
      <p>
        {enable ? 'It is enabled: it stops at once, and the peer is told goodbye. ' : ''}
        What waits in its outbox is dropped, and its settings are gone.
      </p>
    </Confirm>
  )
}
