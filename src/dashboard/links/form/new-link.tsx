/** `#/links/+new` */
import { mayChange } from '../../api/session.ts'
import { Empty } from '../../controls/empty.tsx'
import { tell } from '../../controls/notice.ts'
import { linkHash, listHash } from '../link-address.ts'
import { LinkForm } from './link-form.tsx'

export function NewLink() {
  if (!mayChange()) {
    return (
      <Empty title="Only an administrator makes links">
        <a class="button" href={listHash}>
          To the links
        </a>
      </Empty>
    )
  }
  return (
    <section class="page" aria-labelledby="new-title">
      <header class="page-head">
        <div>
          <a class="up" href={listHash}>
            Links
          </a>
          <h1 id="new-title">New link</h1>
        </div>
      </header>
      <LinkForm
        onSaved={(name) => {
          tell(`${name} is made`)
          location.hash = linkHash(name)
        }}
        onCancel={() => {
          location.hash = listHash
        }}
      />
    </section>
  )
}
