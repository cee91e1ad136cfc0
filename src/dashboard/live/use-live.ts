/** Hears live events as long as a component is shown. */
import { useEffect, useRef } from 'preact/hooks'
import { hearLive, type LiveTopic } from './live-stream.ts'

type Hear<Data> = (data: Data) => void

/** @param hear gets what the node sent under that event, in the shape that the API documents */
export function useLive<Data>(topic: LiveTopic, event: string, hear: Hear<Data>): void {
  const current = useRef(hear)
  current.current = hear
  useEffect(() => hearLive(topic, event, (data) => current.current(data as Data)), [topic, event])
}
