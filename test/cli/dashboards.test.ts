import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dashboardFile, dashboardLines, makeLogin } from '../../src/cli/demo/dashboards.ts'

test('the screen says where each dashboard is and who may log in', () => {
  const login = { username: 'admin', password: 'x7' }
  const lines = dashboardLines([
    { name: 'us-east', address: '127.0.0.1:1111', login },
    { name: 'eu-west', address: '127.0.0.1:2222', login },
  ])
  assert.deepEqual(lines.slice(2), [
    '  dashboard of us-east  http://127.0.0.1:1111  admin / x7',
    '  dashboard of eu-west  http://127.0.0.1:2222  admin / x7',
  ])
})

test('where there is none the screen says nothing of them', () => assert.deepEqual(dashboardLines([]), []))

test('each run has a password of its own, which its nodes are given', () => {
  const [one, other] = [makeLogin(), makeLogin()]
  assert.notEqual(one.password, other.password)
  assert.match(one.password, /^[0-9a-f]{16}$/)
  assert.equal(dashboardFile('127.0.0.1:0', one).default_password, one.password)
})
