/**
 * `isthmus conf diff FILE`: where a node's file and what its cluster shares differ. What the cluster shares is read from the
 * copy in the node's data directory, which a running member keeps up to date.
 */
import { linkDifferences } from '../cluster/config/link-differences.ts'
import { SharedLinksFile } from '../cluster/config/shared-links-file.ts'
import { ClusterError } from '../cluster/cluster-error.ts'
import { formatConfigError } from '../config/config-error.ts'
import { loadConfigFile } from '../config/parse-config.ts'

/** Resolves with the exit code: 0 if both say the same, 1 if they differ or nothing is shared, 2 for a file that is no good. */
export async function confDiff(file: string): Promise<0 | 1 | 2> {
  const loaded = await loadConfigFile(file, process.env)
  if (loaded.type === 'invalid') {
    process.stderr.write(`${loaded.errors.map(formatConfigError).join('\n')}\n`)
    return 2
  }
  const { node, cluster } = loaded.config
  const copy = new SharedLinksFile(node.data_dir, cluster.name)
  let read
  try {
    read = copy.read()
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error
    return failed(error.message)
  }
  if (read === undefined)
    return failed(
      `nothing is shared yet: ${copy.path} is not there. A node writes it when it joins its cluster over NATS.`,
    )
  if (read.type === 'malformed') return failed(`${copy.path}: ${read.reason}; a member writes it anew when it starts`)
  const { version, changedOn, links } = read.shared
  const differences = linkDifferences(cluster.links, links)
  const shared = `the links of ${cluster.name}, version ${version}, changed last on ${changedOn}`
  if (differences.length === 0) {
    process.stdout.write(`${file}: the same as ${shared}\n`)
    return 0
  }
  const lines = differences.map(({ key, file: here, shared: there }) => `${key}\n  file:   ${here}\n  shared: ${there}`)
  process.stdout.write(`${lines.join('\n')}\n${file}: differs from ${shared}; the cluster follows what is shared\n`)
  return 1
}

function failed(message: string): 1 {
  process.stderr.write(`isthmus conf diff: ${message}\n`)
  return 1
}
