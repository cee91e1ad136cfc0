/** Two clusters of one node each in this process, whose links are examined. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { DoctorReport, Step } from '../../../src/link/doctor/finding.ts'
import type { ConfigInput } from '../../../src/index.ts'
import { type NodeWithApi, nodeWithApi } from '../../api/node-with-api.ts'
import { freePort } from '../../../src/cli/demo/free-ports.ts'

export type Side = NodeWithApi & { readonly name: string; readonly port: number }

/** A cluster without links. `config` goes over what is needed anyway. */
export async function startSide(t: TestContext, name: string, config: ConfigInput = {}): Promise<Side> {
  const port = await freePort()
  const side = await nodeWithApi(t, {
    ...config,
    node: { name: `${name}@127.0.0.1` },
    cluster: { name },
    listeners: { tcp: { default: { bind: `127.0.0.1:${port}` } }, ...config.listeners },
  })
  return { ...side, name, port }
}

/** Creates the link, or replaces it. */
export async function putLink(side: Side, name: string, link: object): Promise<void> {
  const { status, body } = await side.ask('/cluster/links', { method: 'PUT', body: { name, ...link } })
  assert.equal(status, 200, JSON.stringify(body))
}

export async function removeLink(side: Side, name: string): Promise<void> {
  assert.equal((await side.ask(`/cluster/links/${name}`, { method: 'DELETE' })).status, 204)
}

export async function examine(side: Side, link: string, topic?: string): Promise<DoctorReport> {
  const { status, body } = await side.ask<DoctorReport>(`/cluster/links/${link}/doctor`, {
    method: 'POST',
    body: topic === undefined ? {} : { topic },
  })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

export async function examineUnsaved(side: Side, link: object): Promise<DoctorReport> {
  const { status, body } = await side.ask<DoctorReport>('/cluster/links/doctor', { method: 'POST', body: link })
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

export function stepOf({ steps }: DoctorReport, step: string): Step {
  const found = steps.find((one) => one.step === step)
  assert.ok(found !== undefined, `no step ${step} among ${steps.map((one) => one.step).join(', ')}`)
  return found
}

/** The report says that this step is broken, in these words and with this remedy, and looked at nothing behind it. */
export function assertBroken(report: DoctorReport, step: string, detail: RegExp, remedy: RegExp): void {
  const shown = textOf(report)
  assert.equal(report.ok, false, shown)
  const at = report.steps.findIndex(({ status }) => status === 'failed')
  assert.equal(report.steps[at]?.step, step, shown)
  assert.match(report.steps[at]?.detail ?? '', detail)
  assert.match(report.steps[at]?.remedy ?? '', remedy)
  const behind = report.steps.slice(at + 1).filter(({ status }) => status !== 'failed')
  assert.ok(
    behind.every(({ status }) => status === 'skipped'),
    shown,
  )
}

export function textOf({ steps }: DoctorReport): string {
  return steps
    .map(({ status, step, detail, remedy, ms }) => `${status} ${step} (${ms} ms): ${detail} -> ${remedy ?? ''}`)
    .join('\n')
}

/** Resolves when both halves of the link run, and each knows what the other wants. */
export async function linked(a: Side, b: Side): Promise<void> {
  await Promise.all([runs(a, b.name), runs(b, a.name)])
}

export async function runs(side: Side, link: string): Promise<void> {
  const isUp = (): boolean => {
    const found = side.node.status().links.find(({ name }) => name === link)
    return found?.state === 'running' && found.planes?.inbound.state === 'live'
  }
  await until(isUp, `${side.name}'s link to ${link} runs`)
}

export async function until(isSo: () => boolean, what: string, withinMs = 15_000): Promise<void> {
  const endMs = Date.now() + withinMs
  while (!isSo()) {
    assert.ok(Date.now() < endMs, `not in time: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
