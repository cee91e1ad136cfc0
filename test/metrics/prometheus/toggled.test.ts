import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigInput } from '../../../src/index.ts'
import { nodeWithApi } from '../../api/node-with-api.ts'
import { readExposition, valueOf } from './read-exposition.ts'

test('the metrics of a link are there before anything crosses, while it is disabled and when it is toggled', async (t) => {
  const common = {
    listeners: { tcp: { default: { bind: '127.0.0.1:0' } } },
    dashboard: { listeners: { http: { bind: '127.0.0.1:0' } } },
  }
  const { node, url, dataDir } = await nodeWithApi(t, { cluster: { name: 'east' } })
  const withLink = (enable: boolean | undefined): ConfigInput => ({
    ...common,
    node: { name: 'n1@127.0.0.1', data_dir: dataDir },
    cluster: {
      name: 'east',
      links: enable === undefined ? [] : [{ name: 'west', server: '127.0.0.1:1', topics: ['#'], enable }],
    },
  })
  const scrape = async () => readExposition(await (await fetch(`${url}/metrics`)).text())
  const seriesOf = (served: Awaited<ReturnType<typeof scrape>>): string[] =>
    [...served.values()]
      .flatMap(({ samples }) => samples)
      .filter(({ labels }) => labels['link'] === 'west')
      .map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
  assert.deepEqual(seriesOf(await scrape()), [])
  await node.reconfigure(withLink(false))
  const disabled = await scrape()
  const series = seriesOf(disabled)
  assert.ok(series.length > 40)
  assert.equal(valueOf(disabled, 'isthmus_link_state', { link: 'west', state: 'stopped' }), 1)
  for (const enable of [true, false, true]) {
    await node.reconfigure(withLink(enable))
    const served = await scrape()
    assert.deepEqual(seriesOf(served), series)
    assert.equal(valueOf(served, 'isthmus_link_state', { link: 'west', state: 'stopped' }), Number(!enable))
    assert.equal(
      valueOf(served, 'isthmus_link_messages_total', { link: 'west', direction: 'out', bucket: 'matched' }),
      0,
    )
  }
  await node.reconfigure(withLink(undefined))
  assert.deepEqual(seriesOf(await scrape()), [])
})
