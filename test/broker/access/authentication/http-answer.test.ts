import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeAnswer } from '../../../../src/broker/access/authentication/http-answer.ts'
import { accepted, type Outcome } from '../../../../src/broker/access/authentication/outcome.ts'

const nowMs = 1_700_000_000_000
const now = nowMs / 1000
const json = 'application/json; charset=utf-8'
const form = 'application/x-www-form-urlencoded'

for (const { what, status = 200, contentType = json, body, expected } of [
  { what: 'nothing to say', status: 204, body: '', expected: accepted() },
  { what: 'allow', body: '{"result":"allow"}', expected: accepted() },
  {
    what: 'allow with all',
    body: `{"result":"allow","is_superuser":true,"client_attrs":{"role":"admin","n":1},"expire_at":${now + 9}}`,
    expected: accepted(true, { role: 'admin' }, nowMs + 9000),
  },
  { what: 'allow in a form', contentType: form, body: 'result=allow&is_superuser=true', expected: accepted(true) },
  {
    what: 'nulls',
    body: '{"result":"allow","is_superuser":null,"client_attrs":null,"expire_at":null,"acl":null}',
    expected: accepted(),
  },
  { what: 'deny', body: '{"result":"deny","is_superuser":true}', expected: 0x87 },
  { what: 'ignore', body: '{"result":"ignore"}', expected: 'ignored' },
  { what: 'no result', body: '{}', expected: 'ignored' },
  { what: 'another result', body: '{"result":"ALLOW"}', expected: 'ignored' },
  { what: 'a list', body: '["allow"]', expected: 'ignored' },
  { what: 'no JSON', body: 'allow', expected: 'ignored' },
  { what: 'no content type', contentType: '', body: '{"result":"allow"}', expected: 'ignored' },
  { what: 'HTML', contentType: 'text/html', body: '{"result":"allow"}', expected: 'ignored' },
  { what: 'a status of another kind', status: 201, body: '{"result":"allow"}', expected: 'ignored' },
  { what: 'a status of refusal', status: 403, body: '{"result":"allow"}', expected: 'ignored' },
  { what: 'a status of failure', status: 500, body: '', expected: 'ignored' },
  { what: 'an end that is past', body: `{"result":"allow","expire_at":${now}}`, expected: 0x86 },
  { what: 'an end in milliseconds', body: `{"result":"allow","expire_at":${nowMs + 9000}}`, expected: 0x86 },
  { what: 'an end that is no number', body: '{"result":"allow","expire_at":"soon"}', expected: 0x86 },
  { what: 'rules that would not be kept', body: '{"result":"allow","acl":[]}', expected: 0x87 },
] as const)
  test(`${what}: ${typeof expected === 'object' ? 'accepted' : typeof expected === 'number' ? `0x${expected.toString(16)}` : expected}`, () => {
    const outcome: Outcome = judgeAnswer({ status, contentType, body }, nowMs)
    if (typeof expected === 'object') assert.deepEqual(outcome, expected)
    else assert.equal(outcome.type === 'refused' ? outcome.reason : outcome.type, expected)
  })
