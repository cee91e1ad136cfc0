/** The log of all nodes, as it is written: filtered, held still, and told to say more or less. */
import { useMemo, useState } from 'preact/hooks'
import { Pick } from '../controls/choices.tsx'
import { Dialog } from '../controls/dialog.tsx'
import { Reading } from '../controls/empty.tsx'
import { Facts } from '../controls/facts.tsx'
import { Silent } from '../controls/paged.tsx'
import { Search } from '../controls/search.tsx'
import { Dot } from '../controls/status-badge.tsx'
import type { Tone } from '../controls/tone.ts'
import { VirtualRows } from '../controls/virtual-rows.tsx'
import { count } from '../format/number.ts'
import { useNarrow } from '../links/list/use-narrow.ts'
import { NodePick } from '../nodes/node-pick.tsx'
import { route } from '../shell/route.ts'
import { fieldsText, LEVELS, shownLines, type KeptLine, type Level, type LogFilter } from './log-lines.ts'
import { LogLevels } from './log-levels.tsx'
import { useLog } from './use-log.ts'

const ROW_PX = 26
const NARROW_ROW_PX = 48

export function LogPage() {
  const { lines, silent, fault, reload } = useLog()
  const [filter, setFilter] = useState<LogFilter>({
    level: 'info',
    component: '',
    node: route.value.query.get('node') ?? '',
    text: '',
  })
  const [opened, setOpened] = useState<KeptLine | undefined>()
  const [levels, setLevels] = useState(false)
  /** What is held while the log goes on; `undefined` as long as the page follows it. */
  const [held, setHeld] = useState<readonly KeptLine[] | undefined>()
  const narrow = useNarrow()
  const shown = useMemo(() => shownLines(held ?? lines ?? [], filter), [held, lines, filter])
  const missed = held === undefined ? 0 : shownLines(lines ?? [], filter).length - shown.length
  const set = (change: Partial<LogFilter>): void => setFilter({ ...filter, ...change })
  return (
    <section class="page fill" aria-labelledby="log-title">
      <header class="page-head">
        <h1 id="log-title">Log</h1>
        <div class="actions">
          <button type="button" class="button" onClick={() => setLevels(true)}>
            Levels
          </button>
          <button
            type="button"
            class={held === undefined ? 'button' : 'button primary'}
            onClick={() => setHeld(held === undefined ? (lines ?? []) : undefined)}
          >
            {held === undefined ? 'Pause' : missed > 0 ? `Follow (${count(missed)} new)` : 'Follow'}
          </button>
        </div>
      </header>
      <div class="toolbar">
        <Search label="Search in the lines" value={filter.text} onSearch={(text) => set({ text })} />
        <Pick
          label="Lines of this level, and graver ones"
          value={filter.level}
          options={LEVELS.map((level) => [level, level === 'fatal' ? level : `${level} and graver`] as const)}
          onPick={(level) => set({ level: LEVELS.find((one) => one === level) ?? 'trace' })}
        />
        <ComponentPick lines={lines ?? []} value={filter.component} onPick={(component) => set({ component })} />
        <NodePick value={filter.node} onPick={(node) => set({ node })} />
        <Silent nodes={silent} />
      </div>
      {lines === undefined ? (
        <Reading fault={fault} onRetry={reload} />
      ) : (
        <div
          class="list log-list"
          role="table"
          aria-label="Lines of the log, the newest last"
          aria-rowcount={shown.length}
        >
          <VirtualRows
            items={shown}
            keyOf={({ key }) => key}
            rowHeight={narrow ? NARROW_ROW_PX : ROW_PX}
            follow={held === undefined}
            onEnd={(isThere) => setHeld(isThere ? undefined : (held ?? lines))}
            row={(line) => <Line line={line} onOpen={setOpened} />}
          />
        </div>
      )}
      <p class="list-foot muted" role="status">
        {shown.length === 0 ? 'No line fits.' : `${count(shown.length)} lines`}
      </p>
      {opened !== undefined && <Opened line={opened} onClose={() => setOpened(undefined)} />}
      {levels && <LogLevels onClose={() => setLevels(false)} />}
    </section>
  )
}

const TONES: Readonly<Record<Level, Tone>> = {
  trace: 'off',
  debug: 'off',
  info: 'good',
  notice: 'busy',
  warn: 'warn',
  error: 'bad',
  fatal: 'bad',
}

const toneOf = (level: string): Tone => TONES[LEVELS.find((one) => one === level) ?? 'fatal']

/** The whole of it opens at a press. */
function Line({ line, onOpen }: { readonly line: KeptLine; readonly onOpen: (line: KeptLine) => void }) {
  const { at, level, component, event, fields, node } = line
  return (
    <div class="log-cell" role="cell">
      <button type="button" class="log-line mono" onClick={() => onOpen(line)}>
        <span class="log-at" title={at}>
          {timeOf(at)}
        </span>
        <span class={`log-level ${toneOf(level)}`}>
          <Dot tone={toneOf(level)} /> {level}
        </span>
        <span class="log-from">
          {node} {component}
        </span>
        <span class="log-said">
          <b>{event}</b> {fieldsText(fields)}
        </span>
      </button>
    </div>
  )
}

const two = (value: number): string => String(value).padStart(2, '0')

/** With its milliseconds, in the time of who looks. */
function timeOf(at: string): string {
  const date = new Date(at)
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}

type ComponentPickProps = {
  readonly lines: readonly KeptLine[]
  readonly value: string
  readonly onPick: (component: string) => void
}

function ComponentPick({ lines, value, onPick }: ComponentPickProps) {
  const known = useMemo(() => [...new Set(lines.map(({ component }) => component))].toSorted(), [lines])
  const all = value === '' || known.includes(value) ? known : [value, ...known]
  return (
    <Pick
      label="Component"
      value={value}
      options={[['', 'all components'], ...all.map((name) => [name, name] as const)]}
      onPick={onPick}
    />
  )
}

function Opened({ line, onClose }: { readonly line: KeptLine; readonly onClose: () => void }) {
  const { at, level, component, event, fields, node } = line
  return (
    <Dialog title={event} onClose={onClose} wide>
      <Facts value={{ at, level, node, component, ...fields }} />
      <div class="dialog-actions">
        <button type="button" class="button primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
