/** `isthmus start --config FILE`: one node in this process, until it is told to end. */
import { once } from 'node:events'
import type { Logger } from 'pino'
import { formatConfigError } from '../config/config-error.ts'
import { loadConfigFile } from '../config/parse-config.ts'
import { ConfigurationError, Node } from '../node.ts'
import { createLog } from './log.ts'

/** How long a node may take to say goodbye to peers and clients, milliseconds. */
const STOP_MS = 9_000

/**
 * Resolves with the exit code when the node has ended: 0 after SIGTERM or SIGINT, 1 if it could not start or go on, 2 for
 * its configuration.
 */
export async function start({ config: file }: { config: string }): Promise<0 | 1 | 2> {
  const loaded = await loadConfigFile(file, process.env)
  if (loaded.type === 'invalid') {
    process.stderr.write(`${loaded.errors.map(formatConfigError).join('\n')}\n`)
    return 2
  }
  const log = await createLog(loaded.config.log.level)
  for (const warning of loaded.warnings) log.warn({ reason: formatConfigError(warning) }, 'config_warning')
  // From here on a signal is ours, however early it comes.
  const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  let node: Node
  try {
    node = new Node(loaded.config, { log })
    const started = node.start()
    process.on('SIGHUP', () => void reloadFile(file, node, started, log))
    await started
  } catch (error) {
    if (error instanceof ConfigurationError) {
      process.stderr.write(`${error.message}\n`)
      return 2
    }
    log.fatal({ err: error }, 'node_start_failed')
    return 1
  }
  const failure = await Promise.race([told.then(() => undefined), node.failed])
  if (failure !== undefined) log.fatal({ err: failure }, 'node_failed')
  const code = await stop(node, log)
  return failure === undefined ? code : 1
}

/** SIGHUP: a file with errors changes nothing. */
async function reloadFile(file: string, node: Node, started: Promise<void>, log: Logger): Promise<void> {
  try {
    await started
    const loaded = await loadConfigFile(file, process.env)
    if (loaded.type === 'invalid') {
      for (const error of loaded.errors) log.error({ reason: formatConfigError(error) }, 'config_reload_refused')
      return
    }
    log.level = loaded.config.log.level
    for (const warning of loaded.warnings) log.warn({ reason: formatConfigError(warning) }, 'config_warning')
    await node.reload(loaded.config)
    log.info({ file }, 'config_reloaded')
  } catch (error) {
    log.error({ err: error, file }, 'config_reload_failed')
  }
}

async function stop(node: Node, log: Logger): Promise<0> {
  const late = setTimeout(() => {
    log.error({ ms: STOP_MS }, 'node_stop_timed_out')
    process.exit(1)
  }, STOP_MS)
  await node.stop()
  clearTimeout(late)
  return 0
}
