/**
 * `isthmus conf diff FILE`: where a node's file and the links that run differ. What runs is read from the copy in the node's data
 * directory: of what the cluster shares, or, of a node that is alone, of what was changed elsewhere than in the file.
 */
import { linkDifferences } from '../cluster/config/link-differences.ts'
import { OwnLinksFile } from '../cluster/config/own-links-file.ts'
import { SharedLinksFile } from '../cluster/config/shared-links-file.ts'
import { ClusterError } from '../cluster/cluster-error.ts'
import { formatConfigError } from '../config/config-error.ts'
import type { Config, LinkConfig } from '../config/config.ts'
import { loadConfigFile } from '../config/parse-config.ts'

/** Resolves with the exit code: 0 if both say the same, 1 if they differ or it can't be said, 2 for a file that is no good. */
export async function confDiff(file: string): Promise<0 | 1 | 2> {
  const loaded = await loadConfigFile(file, process.env)
  if (loaded.type === 'invalid') {
    process.stderr.write(`${loaded.errors.map(formatConfigError).join('\n')}\n`)
    return 2
  }
  const other = otherLinks(loaded.config)
  if ('problem' in other) {
    process.stderr.write(`isthmus conf diff: ${other.problem}\n`)
    return 1
  }
  const differences = linkDifferences(loaded.config.cluster.links, other.links)
  if (differences.length === 0) {
    process.stdout.write(`${file}: the same as ${other.what}\n`)
    return 0
  }
  const { side, what, rule } = other
  const lines = differences.map(({ key, file: here, shared: there }) => {
    return `${key}\n  file:${' '.repeat(side.length - 3)}${here}\n  ${side}: ${there}`
  })
  process.stdout.write(`${lines.join('\n')}\n${file}: differs from ${what}; ${rule}\n`)
  return 1
}

type OtherLinks = {
  readonly links: readonly LinkConfig[]
  /** Of what was compared, for people. */
  readonly what: string
  readonly side: string
  readonly rule: string
}

/** As they are kept in the data directory of the node. */
export function otherLinks(config: Config): OtherLinks | { readonly problem: string } {
  try {
    return config.cluster.nats === undefined ? ownLinks(config) : sharedLinks(config)
  } catch (error) {
    if (!(error instanceof ClusterError)) throw error
    return { problem: error.message }
  }
}

function ownLinks({ node, cluster }: Config): ReturnType<typeof otherLinks> {
  const copy = new OwnLinksFile(node.data_dir, cluster.name)
  const read = copy.read()
  if (read?.type === 'malformed') return { problem: `${copy.path}: ${read.reason}; it is not used` }
  const what = `the links of ${cluster.name} as they run`
  const rule = 'what was changed last of each link holds, wherever it was changed'
  return { links: read?.links ?? cluster.links, what, side: 'node', rule }
}

function sharedLinks({ node, cluster }: Config): ReturnType<typeof otherLinks> {
  const copy = new SharedLinksFile(node.data_dir, cluster.name)
  const read = copy.read()
  if (read === undefined) {
    const when = 'A node writes it when it joins its cluster over NATS.'
    return { problem: `nothing is shared yet: ${copy.path} is not there. ${when}` }
  }
  if (read.type === 'malformed')
    return { problem: `${copy.path}: ${read.reason}; a member writes it anew when it starts` }
  const { version, changedOn, links } = read.shared
  const what = `the links of ${cluster.name}, version ${version}, changed last on ${changedOn}`
  return { links, what, side: 'shared', rule: 'the cluster follows what is shared' }
}
