/** A chart over time. Drawn on a canvas, so the numbers it ends with stand beside it as text. */
import { useEffect, useMemo, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { repaints } from '../shell/theme.ts'

export type Line = {
  readonly title: string
  /** A custom property of the style: `--flow-out`. */
  readonly color: string
  readonly values: readonly (number | null)[]
}

type Format = (value: number) => string

export type ChartProps = {
  readonly title: string
  /** Milliseconds since 1970. */
  readonly at: readonly number[]
  readonly lines: readonly Line[]
  readonly format: Format
  /** Counted in powers of two. */
  readonly binary?: boolean
}

const HEIGHT = 150
const SHOWN_SECONDS_MIN = 300
const BINARY_STEPS = Array.from({ length: 45 }, (_, power) => 2 ** power)

/** Several of them, over the same time. */
export function Charts({ label, charts }: { readonly label: string; readonly charts: readonly ChartProps[] }) {
  return (
    <section class="charts" aria-label={label}>
      {charts.map((chart) => (
        <Chart key={chart.title} {...chart} />
      ))}
    </section>
  )
}

function Chart(props: ChartProps) {
  const { title, at, lines, format } = props
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const data = useMemo(
    () => [at.map((ms) => ms / 1_000), ...lines.map(({ values }) => values)] as uPlot.AlignedData,
    [at, lines],
  )
  const current = useRef({ data, props })
  current.current = { data, props }
  const shape = lines.map(({ title, color }) => `${title} ${color}`).join()
  const paint = repaints.value

  useEffect(() => {
    const element = place.current
    if (element === null) return
    const drawn = new uPlot(
      options(element, current.current.props, (value) => current.current.props.format(value)),
      current.current.data,
      element,
    )
    plot.current = drawn
    const observer = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      drawn.destroy()
      plot.current = undefined
    }
  }, [shape, paint])
  useEffect(() => plot.current?.setData(data), [data])

  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        {lines.map(({ title, color, values }) => (
          <span key={title} class="chart-key">
            <i style={{ background: `var(${color})` }} />
            {title} <b>{lastOf(values, format)}</b>
          </span>
        ))}
      </figcaption>
      <div class="chart-place" ref={place} style={{ height: `${HEIGHT}px` }} aria-hidden="true" />
    </figure>
  )
}

function lastOf(values: readonly (number | null)[], format: (value: number) => string): string {
  const value = values.findLast((value) => value !== null)
  return value === undefined || value === null ? '–' : format(value)
}

function options(element: HTMLElement, { lines, binary = false }: ChartProps, format: Format): uPlot.Options {
  const grid = { stroke: colorOf(element, '--line'), width: 1 }
  const axis = { stroke: colorOf(element, '--muted'), font: '11px system-ui, sans-serif', grid, ticks: { show: false } }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 4, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { range: (_plot, min, max) => shownTime(min, max) },
      y: { range: (_plot, _min, max) => [0, Math.max(max * 1.1, 1)] },
    },
    axes: [
      { ...axis, size: 24, space: 70, values: (_plot, splits) => splits.map(timeOfDay) },
      {
        ...axis,
        size: 56,
        space: 30,
        ...(binary ? { incrs: BINARY_STEPS } : {}),
        values: (_plot, splits) => splits.map(format),
      },
    ],
    series: [
      {},
      ...lines.map(({ title, color }) => {
        const stroke = colorOf(element, color)
        return { label: title, stroke, width: 1.5, points: { show: false }, fill: fade(stroke) }
      }),
    ],
  }
}

/** From the first point on, but never less than some minutes: a young node has no hour to show. In seconds. */
function shownTime(first: number | null, last: number | null): [number, number] {
  const end = last ?? Date.now() / 1_000
  return [Math.min(first ?? end, end - SHOWN_SECONDS_MIN), end]
}

function timeOfDay(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}

/** A canvas does not know custom properties: what this one comes to here and now. */
function colorOf(element: HTMLElement, property: string): string {
  const before = element.style.color
  element.style.color = `var(${property})`
  const color = getComputedStyle(element).color
  element.style.color = before
  return color
}

function fade(color: string): string {
  return color.startsWith('rgb(') ? color.replace('rgb(', 'rgba(').replace(')', ', 0.1)') : color
}
