/** One line of the list. */
import { useState } from 'preact/hooks'
import { wordsOfFault } from '../../api/request.ts'
import { mayChange } from '../../api/session.ts'
import { tell, tellFault } from '../../controls/notice.ts'
import { StatusBadge } from '../../controls/status-badge.tsx'
import { Switch } from '../../controls/switch.tsx'
import { compact } from '../../format/number.ts'
import { linkHash } from '../link-address.ts'
import { linkApi } from '../link-api.ts'
import type { LinkEntry } from './link-entries.ts'

export function LinkLine({ entry, onChanged }: { readonly entry: LinkEntry; readonly onChanged: () => void }) {
  const { name, server, topics, status, reason, live } = entry
  return (
    <>
      <div class="c-name" role="rowheader">
        <a href={linkHash(name)} title={name}>
          {name}
        </a>
      </div>
      <div class="c-server mono" role="cell" title={server}>
        {server}
      </div>
      <div class="c-topics mono" role="cell" title={topics.join('\n')}>
        {topics.length === 0 ? <span class="muted">none: it only sends</span> : topics.join('  ')}
      </div>
      <div class="c-status" role="cell" title={reason}>
        <StatusBadge status={status} />
        <span class="reason">{reason}</span>
      </div>
      <div class="c-out number" role="cell">
        <span class="cell-key">out/s </span>
        {live === undefined ? '–' : compact(live.out_rate)}
      </div>
      <div class="c-in number" role="cell">
        <span class="cell-key">in/s </span>
        {live === undefined ? '–' : compact(live.in_rate)}
      </div>
      <div class="c-outbox number" role="cell">
        <span class="cell-key">outbox </span>
        {live === undefined ? '–' : compact(live.outbox)}
      </div>
      <div class="c-enable" role="cell">
        <EnableSwitch name={name} enable={entry.enable} onChanged={onChanged} />
      </div>
    </>
  )
}

export type EnableSwitchProps = {
  readonly name: string
  readonly enable: boolean
  /** Its label stands beside it. */
  readonly labelled?: boolean
  readonly onChanged: () => void
}

/** Shows what was asked for until the node says how it is. */
export function EnableSwitch({ name, enable, labelled = false, onChanged }: EnableSwitchProps) {
  const [asked, setAsked] = useState<boolean | undefined>()
  const flip = async (on: boolean): Promise<void> => {
    setAsked(on)
    try {
      await linkApi.enable(name, on)
      tell(`${name} is ${on ? 'enabled' : 'disabled'}`)
      onChanged()
    } catch (error) {
      tellFault(`${name}: ${wordsOfFault(error)}`)
    }
    setAsked(undefined)
  }
  return (
    <Switch
      label={labelled ? (enable ? 'Enabled' : 'Disabled') : `${name} enabled`}
      bare={!labelled}
      on={asked ?? enable}
      disabled={!mayChange() || asked !== undefined}
      onChange={(on) => void flip(on)}
    />
  )
}
