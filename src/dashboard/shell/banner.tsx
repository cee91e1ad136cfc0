/** Says that what is shown is not of now. */
import { liveRefusal, liveState, retryLive } from '../live/live-stream.ts'

export function Banner() {
  const away = liveState.value === 'away'
  return (
    <div class="banner" role="status" aria-live="polite" hidden={!away}>
      {away && (
        <>
          <span>
            {liveRefusal.value === ''
              ? 'Node away, trying again. What you see is from before.'
              : `No live values: ${liveRefusal.value}. Trying again.`}
          </span>
          <button type="button" class="button" onClick={retryLive}>
            Try now
          </button>
        </>
      )}
    </div>
  )
}
