/** Tries the link that is in the form, without saving it. */
import { useState } from 'preact/hooks'
import type { LinkSettings } from '../../api/link.ts'
import { Dialog } from '../../controls/dialog.tsx'
import { DoctorSteps } from '../doctor-steps.tsx'
import { linkApi } from '../link-api.ts'

export function TestConnection({ link }: { readonly link: LinkSettings }) {
  const [open, setOpen] = useState(false)
  const isReady = typeof link.server === 'string' && link.server !== ''
  return (
    <>
      <button type="button" class="button" disabled={!isReady} onClick={() => setOpen(true)}>
        Test connection
      </button>
      {open && (
        <Dialog title={`Test of ${link.server}`} onClose={() => setOpen(false)} wide>
          <DoctorSteps run={(signal) => linkApi.examine(link, signal)} again={0} />
          <div class="dialog-actions">
            <button type="button" class="button primary" onClick={() => setOpen(false)}>
              Close
            </button>
          </div>
        </Dialog>
      )}
    </>
  )
}
