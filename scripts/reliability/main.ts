/**
 * Makes RELIABILITY.md of the records in reliability/, in the checkout.
 *   npm run reliability -- [--check] [--records reliability] [--page RELIABILITY.md]
 * `--check` writes nothing and exits with 1 if the page is not what the records say.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readRecords } from './read-records.ts'
import { renderReliability } from './render.ts'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    records: { type: 'string', default: 'reliability' },
    page: { type: 'string', default: 'RELIABILITY.md' },
  },
})

const made = renderReliability(readRecords(values.records))
if (!values.check) writeFileSync(values.page, made)
else if (!existsSync(values.page) || readFileSync(values.page, 'utf8') !== made) {
  process.stderr.write(`${values.page} is not what ${values.records} says: npm run reliability\n`)
  process.exitCode = 1
}
