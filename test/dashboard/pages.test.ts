/** The pages beside links, against real nodes: what happens there is seen, and what can be done is done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectAsync } from 'mqtt'
import type { Page } from 'playwright-core'
import { login, openPage, sidewaysPx } from './browser.ts'
import { ADMIN } from './dashboard-node.ts'
import { linkedPair, mqttOf } from './linked-pair.ts'

const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).first()
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

/** Each page by its address, and something that stands there only if the node was asked. */
const PAGES: readonly (readonly [address: string, title: string, shown: string])[] = [
  ['overview', 'Overview', 'a cluster of one'],
  ['links', 'Links', '127.0.0.1:9'],
  ['map', 'Map', '2 links'],
  ['nodes', 'Nodes', 'up, asked here'],
  ['nodes/n1%40127.0.0.1', 'n1@127.0.0.1', 'tcp:default'],
  ['clients', 'Clients', 'sensor-1'],
  ['clients/sensor-1', 'sensor-1', 'devices/+/state'],
  ['subscriptions', 'Subscriptions', 'devices/+/state'],
  ['retained', 'Retained messages', 'kept/json'],
  ['retained/kept%2Fjson', 'kept/json', '"warm": true'],
  ['alarms', 'Alarms', 'nobody listens there'],
  ['alarms/past', 'Alarms', 'Clear history'],
  ['log', 'Log', 'cluster_link_status'],
  ['actors', 'Actors', 'supervisor:links'],
  ['actors/n1%40127.0.0.1/west', 'Actors', 'began'],
  ['access/users', 'Access', 'administrator'],
  ['access/keys', 'Access', 'There are none'],
  ['access/mqtt', 'Access', 'There is no database of users'],
  ['access/acl', 'Access', 'Name in its certificate'],
  ['access/audit', 'Access', 'login'],
  ['access/password', 'Access', 'New password once more'],
]

test('the pages of a cluster', async (t) => {
  const pair = await linkedPair(t)
  const { node } = pair
  const client = await connectAsync(`mqtt://${pair.mqtt}`, {
    clientId: 'sensor-1',
    protocolVersion: 5,
    reconnectPeriod: 0,
  })
  t.after(() => client.end(true))
  await client.subscribeAsync('devices/+/state', { qos: 1 })
  await client.publishAsync('kept/json', '{"warm":true}', { qos: 1, retain: true })
  await client.publishAsync('kept/bytes', Buffer.from([0, 255, 65]), { qos: 1, retain: true })
  const { page, faults } = await openPage()
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  const open = async (address: string): Promise<void> => {
    await page.goto(`${node.url}/#/${address}`)
  }
  await open('alarms')
  await login(page)

  await t.test('an alarm appears, and is counted wherever one is', async () => {
    await page.getByRole('row').filter({ hasText: 'gone' }).first().waitFor()
    await page.locator('.nav-count').waitFor()
    //
  })

  await t.test('each page shows what there is, by keyboard too, wide and light, narrow and dark', async () => {
    for (const [address, title, shown] of PAGES) {
      await open(address)
      await heading(page, title).waitFor()
      await page.locator('main').getByText(shown).first().waitFor()
      assert.equal(await sidewaysPx(page), 0, `${address}, wide`)
      await page.locator('main').locator('a, button, input, select, [tabindex="0"]').first().waitFor()
      await page.locator('#main').focus()
      await page.keyboard.press('Tab')
      assert.equal(await page.locator('main :focus').count(), 1, `${address}: the keyboard reaches nothing`)
    }
    await page.setViewportSize({ width: 400, height: 800 })
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' })
    for (const [address, , shown] of PAGES) {
      await open(address)
      await page.locator('main').getByText(shown).first().waitFor()
      assert.equal(await sidewaysPx(page), 0, `${address}, narrow`)
    }
    await page.setViewportSize({ width: 1280, height: 860 })
    await page.emulateMedia({ colorScheme: 'light' })
  })

  await t.test('a client is found and kicked', async () => {
    await open('clients')
    await page.getByRole('searchbox').fill('nobody-like-this')
    await page.getByText('No client fits.').waitFor()
    await page.getByRole('searchbox').fill('sensor')
    await page.getByRole('link', { name: 'sensor-1' }).click()
    await button(page, 'Kick').click()
    const ended = new Promise((resolve) => client.once('close', () => resolve(undefined)))
    await page.getByRole('dialog').getByRole('button', { name: 'Kick' }).click()
    await ended
    await heading(page, 'Clients').waitFor()
    await page.getByRole('searchbox').fill('sensor')
    await page.getByText('No client fits.').waitFor()
  })

  await t.test('a retained message is shown as it is, and deleted', async () => {
    await open('retained')
    await page.getByRole('searchbox').fill('kept/#')
    await page.getByRole('link', { name: 'kept/bytes' }).click()
    await page.getByText('00 ff 41').waitFor()
    await button(page, 'Text').click()
    await page.getByText('These bytes are no text.').waitFor()
    await button(page, 'Delete').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Nothing is retained under kept/bytes any more').waitFor()
    await page.getByRole('link', { name: 'kept/json' }).waitFor()
    await page.getByRole('link', { name: 'kept/bytes' }).waitFor({ state: 'detached' })
  })

  await t.test('a link that breaks and mends is seen on the map, in the log and among the actors', async () => {
    await open('map')
    await page.getByRole('link', { name: /^west: running/ }).waitFor()
    await page.getByRole('link', { name: /^west/ }).focus()
    await page.locator('.map-picked', { hasText: 'west' }).waitFor()
    pair.cut()
    await page.getByRole('link', { name: /^west: (degraded|connecting)/ }).waitFor()
    await open('log')
    await page.getByRole('searchbox').fill('"west"')
    await page
      .getByRole('button', { name: /cluster_link_status link=west/ })
      .last()
      .waitFor()
    await page
      .getByRole('button', { name: /cluster_link_status link=west/ })
      .last()
      .press('Enter')
    await page.getByRole('dialog', { name: 'cluster_link_status' }).getByText('west', { exact: true }).waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await open('actors/n1%40127.0.0.1/west%2Fforwarding')
    const now = page.locator('.step.now')
    await now.getByText(/^(down|waiting|partial)/).waitFor()
    pair.mend()
    await now.getByText(/^up$/).waitFor()
    await open('map')
    await page.getByRole('link', { name: /^west: running/ }).waitFor()
  })

  await t.test('the log stands still when it is told to, and says how much it says', async () => {
    await open('log')
    await page.getByText('cluster_link_status').first().waitFor()
    await button(page, 'Pause').click()
    await page.getByRole('button', { name: /^Follow/ }).waitFor()
    await node.ask('/cluster/links/gone/enable', { method: 'PUT', body: { enable: false } })
    await node.ask('/cluster/links/gone/enable', { method: 'PUT', body: { enable: true } })
    await page.getByRole('button', { name: /^Follow \(\d+ new\)/ }).click()
    await button(page, 'Pause').waitFor()
    await button(page, 'Levels').click()
    const dialog = page.getByRole('dialog', { name: 'Levels of the log' })
    await dialog.getByLabel('broker').selectOption('error')
    await page.getByText('broker logs error').waitFor()
    type Levels = { readonly nodes: readonly { readonly levels: Readonly<Record<string, string>> }[] }
    const { body } = await node.ask<Levels>('/log/level')
    assert.equal(body.nodes[0]?.levels['broker'], 'error')
    await dialog.getByRole('button', { name: 'Close' }).click()
  })

  await t.test('users, keys and rights', async () => {
    await open('access/users')
    await button(page, 'New user').click()
    await page.getByLabel('User name').fill('guest')
    await page.getByLabel('Password').fill('short')
    await button(page, 'Create user').click()
    await page.getByRole('alert').filter({ hasText: '8 to 64 characters' }).waitFor()
    await page.getByLabel('Password').fill('only-looks-1')
    await button(page, 'Create user').click()
    await page.getByText('guest may log in').waitFor()
    await open('access/keys')
    await button(page, 'New API key').click()
    await page.getByLabel('Name').fill('for-scripts')
    await button(page, 'Create key').click()
    const secret = await page.locator('.secret dd').last().innerText()
    assert.match(secret, /^[\w-]{40,}$/)
    await button(page, 'I have it').click()
    await page.getByRole('rowheader', { name: 'for-scripts' }).waitFor()
    assert.equal(await page.getByText(secret).count(), 0)
    await open('access/acl')
    await page.getByLabel('ClientID').fill('c1')
    await page.getByLabel('To the topic').fill('$LINK/cluster/route/x')
    await button(page, 'May it?').click()
    await page.getByRole('region', { name: 'Verdict' }).waitFor()
    await open('access/audit')
    await button(page, 'POST /api/v5/api_key').click()
    assert.equal(await page.getByRole('dialog').getByText(secret).count(), 0)
    await page.keyboard.press('Escape')
  })

  await t.test('the node restarts, and the page goes on', async () => {
    await open('clients')
    await heading(page, 'Clients').waitFor()
    await node.stop()
    await page.getByText('Node away, trying again').waitFor()
    await node.start()
    await page.getByText('Node away, trying again').waitFor({ state: 'hidden' })
    const again = await connectAsync(`mqtt://${await mqttOf(node)}`, { clientId: 'after-it', reconnectPeriod: 0 })
    await page.getByRole('link', { name: 'after-it' }).waitFor()
    await again.endAsync()
    // What failed while it went and was away is no fault of the page.
    faults.splice(0, faults.length, ...faults.filter((fault) => !/ERR_|status of 503/.test(fault)))
  })

  await t.test('whoever changes their password logs in with it', async () => {
    await open('access/password')
    await page.getByLabel('Old password').fill('wrong')
    await page.locator('input[name=new_pwd]').fill('another-password-2')
    await page.getByLabel('New password once more').fill('another-password-2')
    await button(page, 'Change password').click()
    await page.getByText('the old password is wrong').waitFor()
    await page.getByLabel('Old password').fill(ADMIN.password)
    await button(page, 'Change password').click()
    await page.getByText('Your password is changed').waitFor()
    await login(page, { username: ADMIN.username, password: 'another-password-2' })
    await heading(page, 'Access').waitFor()
  })

  await t.test('an alarm that ends goes from the page, and the count with it', async () => {
    const { page } = await openPage()
    const at = new Date().toISOString()
    const alarm = { name: 'a', kind: 'link_down', node: 'n1', link: 'far', reason: 'why', activated_at: at }
    let isOver = false
    // A node clears none before it was well for half a minute: so this one's words are made up.
    await page.route(/api\/v5\/live/, (route) =>
      route.fulfill({
        contentType: 'text/event-stream',
        body: `event: alarms\ndata: ${JSON.stringify(isOver ? [] : [{ ...alarm, activated: true }])}\n\n`,
      }),
    )
    await page.goto(`${node.url}/#/alarms`)
    await login(page, { username: ADMIN.username, password: 'another-password-2' })
    await page.getByRole('link', { name: 'far' }).waitFor()
    await page.locator('.nav-count', { hasText: '1' }).waitFor()
    isOver = true
    await page.getByText('Nothing is wrong.').waitFor()
    await page.locator('.nav-count').waitFor({ state: 'detached' })
  })
  assert.deepEqual(
    faults.filter((fault) => !/status of 40[0134]/.test(fault)),
    [],
  )
})
