/** Everything under `#/retained`: the list, one message. */
import { route } from '../shell/route.ts'
import { RetainedList } from './retained-list.tsx'
import { RetainedPayload } from './retained-payload.tsx'

export function RetainedPage() {
  const [, topic] = route.value.path
  return topic === undefined ? <RetainedList /> : <RetainedPayload key={topic} topic={topic} />
}
