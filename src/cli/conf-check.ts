/** `isthmus conf check FILE`: all errors at once, or what the node would be. Nothing is started. */
import { checkReport } from '../config/check-report.ts'
import { loadConfigFile } from '../config/parse-config.ts'

/** Resolves with the exit code: 0 if a node would start with this file, else 2. */
export async function confCheck(file: string): Promise<0 | 2> {
  const { text, exitCode } = checkReport(await loadConfigFile(file, process.env), file)
  const out = exitCode === 0 ? process.stdout : process.stderr
  out.write(text)
  return exitCode
}
