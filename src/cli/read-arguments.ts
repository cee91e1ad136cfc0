/** What stands behind a command's name, read by its options. */
import { parseArgs, type ParseArgsConfig } from 'node:util'

type Asked<Options> = {
  readonly args: string[]
  readonly options: Options
  readonly allowPositionals: true
  readonly strict: true
}

/** Values by name, or a message that says what is wrong. */
export function readArguments<Options extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  options: Options,
): ReturnType<typeof parseArgs<Asked<Options>>> | string {
  try {
    return parseArgs<Asked<Options>>({ args, options, allowPositionals: true, strict: true })
  } catch (error) {
    // parseArgs reports all misuse as a TypeError whose first sentence is meant for people.
    if (error instanceof TypeError) return error.message.split('. ')[0] ?? error.message
    throw error
  }
}
