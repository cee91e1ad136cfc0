/** Links in the dashboard, as people meet them, in a real browser against a real node. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { login, openPage, sidewaysPx } from './browser.ts'
import { ADMIN, DashboardNode } from './dashboard-node.ts'

const NOBODY = '127.0.0.1:9'
const links = [
  { name: 'eu-west', server: NOBODY, topics: ['global/#', 'cluster/+/status'], username: 'us', password: 'a secret' },
  { name: 'lab', server: NOBODY, topics: [], enable: false },
]
const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true })
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

test('a link is made, edited, disabled and deleted', async (t) => {
  const node = new DashboardNode(t, { cluster: { name: 'us-east' } })
  await node.start()
  const { page, faults } = await openPage()
  await page.goto(`${node.url}/#/links`)

  await t.test('a wrong password is refused, and says so', async () => {
    await login(page, { username: ADMIN.username, password: 'wrong' })
    await page.getByRole('alert').filter({ hasText: /./ }).waitFor()
    await login(page)
    await heading(page, 'Links').waitFor()
  })

  await t.test('who has no links is told what one is', async () => {
    await page.getByRole('heading', { name: 'No links yet' }).waitFor()
    await page.getByRole('link', { name: 'Make the first link' }).click()
    await heading(page, 'New link').waitFor()
  })

  await t.test('what is wrong stands at its field while one types, and is not saved', async () => {
    await page.getByLabel('Server').fill('127.0.0.1:99999999')
    await page.getByLabel('Topics we want').fill('a/#/b')
    await page.getByText('is not its last level').waitFor()
    assert.equal(await page.getByLabel('Topics we want').getAttribute('aria-invalid'), 'true')
    await button(page, 'Create link').click()
    await page.getByText('Fill this in.').waitFor()
    assert.equal(await page.locator(':focus').getAttribute('name'), 'name')
    assert.deepEqual((await node.ask<unknown[]>('/cluster/links')).body, [])
  })

  await t.test('whoever leaves what is not saved is asked', async () => {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Links' }).click()
    const dialog = page.getByRole('dialog', { name: 'Leave without saving?' })
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    assert.equal(await page.getByLabel('Server').inputValue(), '127.0.0.1:99999999')
  })

  await t.test('what is right is saved', async () => {
    await page.getByLabel('Name', { exact: false }).first().fill('eu-west')
    await page.getByLabel('Server').fill(NOBODY)
    await page.getByLabel('Topics we want').fill('global/#\ncluster/+/status')
    await page.getByLabel('User name', { exact: true }).fill('us')
    await page.getByLabel('Password').fill('a secret')
    await button(page, 'Create link').click()
    await heading(page, 'eu-west').waitFor()
    const { body } = await node.ask<{ topics: string[]; password: string }>('/cluster/links/eu-west')
    assert.deepEqual(body.topics, ['global/#', 'cluster/+/status'])
    assert.equal(body.password, '******')
  })

  await t.test('it is edited; its secret is not shown and stays', async () => {
    await page.getByRole('link', { name: 'Settings' }).click()
    assert.equal(await page.locator('input[name=password]').inputValue(), '******')
    await page.getByText('Advanced').click()
    await page.getByLabel('Connections that carry messages').fill('3')
    await button(page, 'Save').click()
    await page.getByText('eu-west is saved').waitFor()
    const { body } = await node.ask<{ pool_size: number; password: string }>('/cluster/links/eu-west')
    assert.deepEqual([body.pool_size, body.password], [3, '******'])
  })

  await t.test('it is disabled and enabled from the list', async () => {
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Links' }).click()
    const row = page.getByRole('row').filter({ hasText: 'eu-west' })
    await row.getByText('connecting').waitFor()
    await row.getByRole('switch').press('Space')
    await row.getByText('stopped').waitFor()
    await row.getByRole('switch').press('Space')
    await row.getByText('connecting').waitFor()
  })

  await t.test('it is deleted while it is enabled, once its name is typed', async () => {
    await page.getByRole('link', { name: 'eu-west' }).click()
    await button(page, 'Delete').click()
    const dialog = page.getByRole('dialog', { name: 'Delete eu-west?' })
    assert.equal(await dialog.getByRole('button', { name: 'Delete link' }).isDisabled(), true)
    await dialog.getByRole('textbox').fill('eu-west')
    await dialog.getByRole('button', { name: 'Delete link' }).click()
    await page.getByRole('heading', { name: 'No links yet' }).waitFor()
    assert.deepEqual((await node.ask<unknown[]>('/cluster/links')).body, [])
  })
  assert.deepEqual(faults, [])
})

test('the list is searched and filtered, follows what others change, and survives a restart of the node', async (t) => {
  const node = new DashboardNode(t, { cluster: { name: 'us-east', links } })
  await node.start()
  const { page, faults } = await openPage()
  await page.goto(`${node.url}/#/links`)
  await login(page)
  const names = page.getByRole('rowheader')
  await names.nth(1).waitFor()
  assert.deepEqual(await names.allInnerTexts(), ['eu-west', 'lab'])
  await page.getByRole('button', { name: 'stopped 1' }).click()
  assert.deepEqual(await names.allInnerTexts(), ['lab'])
  await page.getByRole('button', { name: 'all 2' }).click()
  await page.keyboard.press('/')
  await page.keyboard.type('GLOBAL')
  assert.deepEqual(await names.allInnerTexts(), ['eu-west'])
  await page.getByRole('searchbox').fill('')

  await node.ask('/cluster/links', { method: 'POST', body: { name: 'ap-south', server: NOBODY, topics: [] } })
  await names.filter({ hasText: 'ap-south' }).waitFor()
  await node.ask('/cluster/links/ap-south', { method: 'DELETE' })
  await names.filter({ hasText: 'ap-south' }).waitFor({ state: 'detached' })

  await page.getByRole('link', { name: 'eu-west' }).click()
  await page.getByText('Out: to the peer').waitFor()
  await node.stop()
  await page.getByText('Node away, trying again').waitFor()
  await node.start()
  await page.getByText('Node away, trying again').waitFor({ state: 'hidden' })
  // Whoever was logged in on the node that is gone may have to say once more who they are, and goes on where they were.
  if (await page.getByLabel('Password').isVisible()) await login(page)
  await heading(page, 'eu-west').waitFor()
  assert.match(page.url(), /#\/links\/eu-west$/)
  assert.deepEqual(faults, [])
})

test('everything can be done by keyboard, and the focus comes back from a dialog', async (t) => {
  const node = new DashboardNode(t, { cluster: { name: 'us-east', links } })
  await node.start()
  const { page } = await openPage()
  await page.goto(`${node.url}/#/links`)
  const { keyboard } = page
  const press = async (...keys: readonly string[]): Promise<void> => {
    for (const key of keys) await keyboard.press(key)
  }
  const focused = (): Promise<string> => page.evaluate<string>('document.activeElement.innerText')
  const tabTo = async (text: string): Promise<void> => {
    for (let keys = 0; keys < 40 && (await focused()) !== text; keys++) await press('Tab')
    assert.equal(await focused(), text)
  }
  await page.locator('input:focus').waitFor()
  await keyboard.type(ADMIN.username)
  await press('Tab')
  await keyboard.type(ADMIN.password)
  await press('Enter')
  await page.getByRole('rowheader').nth(1).waitFor()
  await press('Tab')
  assert.equal(await focused(), 'Skip to the page')
  await press('Enter')
  await tabTo('eu-west')
  await press('ArrowDown')
  assert.equal(await focused(), 'lab')
  await press('ArrowUp', 'Enter')
  await heading(page, 'eu-west').waitFor()
  await tabTo('Delete')
  await press('Enter')
  await page.getByRole('dialog').waitFor()
  for (let at = 0; at < 6; at++) {
    await press('Tab')
    assert.equal(await page.locator('main :focus:not(dialog :focus)').count(), 0, 'the focus left the dialog')
  }
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await page.locator('button:focus', { hasText: 'Delete' }).waitFor()
})

test('nothing is cut off or scrolls sideways on a narrow screen', async (t) => {
  const node = new DashboardNode(t, { cluster: { name: 'us-east', links } })
  await node.start()
  const { page } = await openPage({ viewport: { width: 400, height: 800 } })
  await page.goto(`${node.url}/#/links`)
  assert.equal(await sidewaysPx(page), 0, 'login')
  await login(page)
  await page.getByRole('rowheader').first().waitFor()
  assert.equal(await sidewaysPx(page), 0, 'list')
  await page.goto(`${node.url}/#/links/eu-west`)
  await page.getByText('Out: to the peer').waitFor()
  for (const tab of ['Overview', 'Outbox', 'Doctor', 'Dry run', 'Settings']) {
    await page.getByRole('navigation', { name: 'Parts of eu-west' }).getByRole('link', { name: tab }).click()
    await page.locator('.overview, .tab-body, .link-form, .reading, .remark').first().waitFor()
    assert.equal(await sidewaysPx(page), 0, tab)
  }
})

test('a viewer sees everything and no button that changes something', async (t) => {
  const node = new DashboardNode(t, { cluster: { name: 'us-east', links } })
  await node.start()
  const viewer = { username: 'guest', password: 'only-looks-1', role: 'viewer', description: '' }
  const made = await node.ask('/users', { method: 'POST', body: viewer })
  assert.ok(made.status < 300, JSON.stringify(made.body))
  const { page } = await openPage()
  await page.goto(`${node.url}/#/links`)
  await login(page, viewer)
  await page.getByRole('rowheader').first().waitFor()
  assert.equal(await page.getByRole('link', { name: 'New link' }).count(), 0)
  assert.equal(await page.getByRole('switch', { disabled: false }).count(), 0)
  await page.getByRole('link', { name: 'eu-west' }).click()
  await page.getByText('Out: to the peer').waitFor()
  for (const name of ['Pause', 'Reset metrics', 'Delete']) assert.equal(await button(page, name).count(), 0, name)
  await page.getByRole('link', { name: 'Settings' }).click()
  await page.locator('.link-form').waitFor()
  assert.equal(await button(page, 'Save').count(), 0)
  assert.equal(await page.getByLabel('Server').isDisabled(), true)
})
