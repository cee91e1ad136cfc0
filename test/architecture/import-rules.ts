/**
 * The direction of imports (DESIGN section 2), as a function of a list of files and what they import, so that the rules
 * can be tried on planted violations. Type-only imports obey the same rules: a type is knowledge too.
 */

export type Import = { readonly to: string; readonly typeOnly: boolean }
/** `file` and `to` are paths from the root of the project; a package is its bare name. */
export type SourceFile = { readonly file: string; readonly imports: readonly Import[] }

/** Lowest first. A folder may import those of lower tiers, never a neighbour's. */
const TIERS: readonly (readonly string[])[] = [
  ['src/topics', 'src/packets', 'src/transitions'],
  ['src/config', 'src/routes', 'src/lanes'],
  ['src/broker', 'src/link', 'src/cluster', 'src/store'],
  ['src/api', 'src/debug', 'src/metrics', 'src/cli', 'src/dashboard'],
  ['src/node.ts', 'src/node', 'src/index.ts'],
]

/** What actors may know: values and decisions. Of `src/link`, which also holds I/O, only the files that reach none. */
const ACTORS_MAY_RUN = ['actors', 'src/topics', 'src/packets', 'src/routes', 'src/lanes']
const ACTORS_MAY_RUN_IF_PURE = 'src/link'

/** Runs in a browser, so it shares no code with the node, in neither direction. Its build is configured by a file that does not. */
const BROWSER = 'src/dashboard'
const BROWSER_BUILD = 'src/dashboard/vite.config.ts'

type Exception = { readonly from: string; readonly to: string; readonly typeOnly?: true; readonly because: string }

const EXCEPTIONS: readonly Exception[] = [
  {
    from: 'src/broker',
    to: 'src/link/broker-port.ts',
    typeOnly: true,
    because: 'the port stands beside the code that needs it, and the broker implements it',
  },
  {
    from: 'src/store',
    to: 'src/broker/store-port.ts',
    typeOnly: true,
    because: 'the port stands beside the code that needs it, and the store implements it',
  },
  { from: 'src/link', to: 'actors', because: 'the link runtime hands the machines their effects' },
  { from: 'src/cluster', to: 'actors', because: 'a lease hands its machine the registers' },
  {
    from: 'src/node.ts',
    to: 'src/node',
    because: 'the composition root has rooms: each ties some of the parts together',
  },
  { from: 'src/node.ts', to: 'actors', because: 'the composition root wires all parts' },
  { from: 'src/cli', to: 'src/node.ts', because: '`isthmus start` starts a node' },
  {
    from: 'src/cli',
    to: 'src/index.ts',
    because: '`isthmus start` starts a node through the same door as a library user',
  },
  { from: 'src/index.ts', to: 'src/node.ts', because: 'the door of the library opens on the node' },
]

const holds = (part: string, file: string): boolean => file === part || file.startsWith(`${part}/`)
const partOf = (file: string): string => TIERS.flat().find((part) => holds(part, file)) ?? topOf(file)
const tierOf = (file: string): number => TIERS.findIndex((tier) => tier.some((part) => holds(part, file)))
const topOf = (file: string): string => file.split('/')[0] ?? file
const isPackage = (to: string): boolean => !holds('src', to) && !holds('actors', to) && !/^(scripts|test)\//.test(to)

/** One sentence for each import that goes the wrong way; empty when all is well. */
export function brokenRules(files: readonly SourceFile[]): string[] {
  const pure = pureFiles(files)
  return [...files.flatMap((file) => file.imports.flatMap((it) => judgeImport(file.file, it, pure))), ...cycles(files)]
}

function judgeImport(file: string, { to, typeOnly }: Import, pure: ReadonlySet<string>): string[] {
  const allowed = EXCEPTIONS.some(
    (rule) => holds(rule.from, file) && holds(rule.to, to) && (rule.typeOnly === undefined || typeOnly),
  )
  if (allowed) return []
  if (holds('actors', file)) return judgeActorImport(file, to, typeOnly, pure)
  if (file === BROWSER_BUILD) return []
  if (holds(BROWSER, file) && to.startsWith('node:')) return [`${file} imports ${to}: there is no Node in a browser`]
  if (isPackage(to)) return []
  if (holds(BROWSER, file) !== holds(BROWSER, to))
    return [`${file} imports ${to}: one runs in a browser, the other does not`]
  if (!holds('src', to)) return [`${file} imports ${to}: the product knows nothing of ${topOf(to)}/`]
  if (partOf(file) === partOf(to)) return []
  if (tierOf(file) < 0) return [`${file}: no tier is named for it`]
  if (tierOf(to) < 0) return [`${file} imports ${to}: no tier is named for it`]
  if (tierOf(to) < tierOf(file)) return []
  return [`${file} imports ${to}: ${partOf(to)} is ${tierOf(to) === tierOf(file) ? 'beside' : 'above'} ${partOf(file)}`]
}

function judgeActorImport(file: string, to: string, typeOnly: boolean, pure: ReadonlySet<string>): string[] {
  if (typeOnly || to === 'xstate' || ACTORS_MAY_RUN.some((part) => holds(part, to))) return []
  if (holds(ACTORS_MAY_RUN_IF_PURE, to) && pure.has(to)) return []
  return [`${file} imports ${to}: an actor imports xstate, types and pure code, and is handed its effects`]
}

/** Files that reach no package and nothing of Node at run time, by whatever way. */
function pureFiles(files: readonly SourceFile[]): Set<string> {
  const pure = new Set(files.map(({ file }) => file))
  for (let before = -1; before !== pure.size;) {
    before = pure.size
    for (const { file, imports } of files) {
      if (imports.some(({ to, typeOnly }) => !typeOnly && !pure.has(to))) pure.delete(file)
    }
  }
  return pure
}

/**
 * Cycles at run time, named by the files on them. Types may know each other within a folder, as a session and its
 * connection do; between folders the tiers forbid it.
 */
function cycles(files: readonly SourceFile[]): string[] {
  const importsOf = new Map(
    files.map((file) => [file.file, file.imports.filter(({ typeOnly }) => !typeOnly).map(({ to }) => to)]),
  )
  const done = new Set<string>()
  const found: string[] = []
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file)
    if (at >= 0) found.push(`cycle: ${[...path.slice(at), file].join(' -> ')}`)
    if (at >= 0 || done.has(file)) return
    for (const to of importsOf.get(file) ?? []) visit(to, [...path, file])
    done.add(file)
  }
  for (const { file } of files) visit(file, [])
  return found
}

/** `import`, `export ... from` and `import()` with a literal; what is resolved is only a path that starts with a dot. */
export function importsOf(file: string, source: string): SourceFile {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;=]*?\sfrom\s+)?'([^'\n]+)'/gm
  const dynamic = /\bimport\(\s*'([^'\n]+)'/g
  return {
    file,
    imports: [
      ...[...code.matchAll(statement)].map(([text, type, to]) => ({
        to: resolve(file, to ?? ''),
        typeOnly: type !== undefined || everyNameIsType(text),
      })),
      ...[...code.matchAll(dynamic)].map(([, to]) => ({ to: resolve(file, to ?? ''), typeOnly: false })),
    ],
  }
}

function everyNameIsType(statement: string): boolean {
  const names = /^\s*(?:import|export)\s*\{([^}]*)\}/
    .exec(statement)?.[1]
    ?.split(',')
    .filter((name) => name.trim() !== '')
  return names !== undefined && names.length > 0 && names.every((name) => name.trim().startsWith('type '))
}

function resolve(file: string, to: string): string {
  if (!to.startsWith('.')) return to
  const path = file.split('/').slice(0, -1)
  for (const part of to.split('/')) {
    if (part === '..') path.pop()
    else if (part !== '.') path.push(part)
  }
  return path.join('/')
}
