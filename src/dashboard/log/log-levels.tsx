/** How much each part of the nodes logs: until they read their file again, or end. */
import { request, wordsOfFault } from '../api/request.ts'
import { mayChange } from '../api/session.ts'
import { Dialog } from '../controls/dialog.tsx'
import { Reading } from '../controls/empty.tsx'
import { tell, tellFault } from '../controls/notice.ts'
import { Silent, type SilentNode } from '../controls/paged.tsx'
import { useResource } from '../live/use-resource.ts'

type Levels = {
  readonly nodes: readonly {
    readonly node: string
    readonly level: string
    readonly levels: Readonly<Record<string, string>>
  }[]
  readonly silent?: readonly SilentNode[]
}

/** As the API takes them. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export function LogLevels({ onClose }: { readonly onClose: () => void }) {
  const { value, fault, reload } = useResource((signal) => request<Levels>('GET', 'log/level', { signal }), [])
  const change = async (component: string | undefined, level: string | null): Promise<void> => {
    try {
      await request('PUT', 'log/level', { body: { level, ...(component === undefined ? {} : { component }) } })
      tell(`${component ?? 'All that has no level of its own'} logs ${level ?? 'as all else'}`)
    } catch (error) {
      tellFault(wordsOfFault(error))
    }
    reload()
  }
  return (
    <Dialog title="Levels of the log" onClose={onClose}>
      {value === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <>
          <p class="muted">On all nodes, until they read their file again or end.</p>
          <Silent nodes={value.silent} />
          <div class="levels">
            <LevelPick
              title="everything"
              found={value.nodes.map(({ level }) => level)}
              onPick={(level) => void change(undefined, level)}
            />
            {componentsOf(value).map((component) => (
              <LevelPick
                key={component}
                title={component}
                found={value.nodes.map(({ levels }) => levels[component] ?? '')}
                onPick={(level) => void change(component, level)}
              />
            ))}
          </div>
        </>
      )}
      <div class="dialog-actions">
        <button type="button" class="button primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}

function componentsOf({ nodes }: Levels): readonly string[] {
  return [...new Set(nodes.flatMap(({ levels }) => Object.keys(levels)))].toSorted()
}

type LevelPickProps = {
  readonly title: string
  /** By node. */
  readonly found: readonly string[]
  readonly onPick: (level: string) => void
}

function LevelPick({ title, found, onPick }: LevelPickProps) {
  const [level = '', ...others] = new Set(found)
  const value = others.length > 0 ? 'differs' : level
  const known: readonly string[] = LEVELS
  return (
    <label class="level">
      <span>{title}</span>
      <select disabled={!mayChange()} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
        {!known.includes(value) && (
          <option value={value} disabled>
            {value === 'differs' ? `differs: ${[...new Set(found)].join(', ')}` : value}
          </option>
        )}
        {LEVELS.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  )
}
