import type { Records } from './failings.ts'
import { readRecord } from './run-record.ts'

/** Those that there are. Throws, naming the file, if one is not of its shape. */
export function readRecords(directory: string): Records {
  const sim = readRecord(directory, 'sim')
  const mutants = readRecord(directory, 'mutants')
  const model = readRecord(directory, 'model')
  const chaos = readRecord(directory, 'chaos')
  const soak = readRecord(directory, 'soak')
  const fuzz = readRecord(directory, 'fuzz')
  return {
    ...(sim && { sim }),
    ...(mutants && { mutants }),
    ...(model && { model }),
    ...(chaos && { chaos }),
    ...(soak && { soak }),
    ...(fuzz && { fuzz }),
  }
}
