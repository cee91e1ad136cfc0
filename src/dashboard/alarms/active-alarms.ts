/** The alarms that are active, live on every page: the navigation counts them. */
import { signal } from '@preact/signals'
import type { Alarm } from '../api/alarm.ts'
import { useLive } from '../live/use-live.ts'

/** `undefined` until the node told them. */
export const activeAlarms = signal<readonly Alarm[] | undefined>(undefined)

/** Follows them as long as the component that calls it is shown. */
export function useActiveAlarms(): void {
  useLive<readonly Alarm[]>('alarms', 'alarms', (alarms) => {
    activeAlarms.value = alarms
  })
}
