/** All scenarios, in the order in which they are listed and run. */
import { clusterScenarios } from './clusters.ts'
import { linkCuts } from './link-cut.ts'
import { linkLines } from './link-lines.ts'
import { mesh } from './mesh.ts'
import { nodeScenarios } from './nodes.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [...linkCuts, ...linkLines, ...nodeScenarios, ...clusterScenarios, mesh]

/** Those of these names, or all. Throws what is none of them. */
export function scenariosNamed(names: readonly string[]): readonly Scenario[] {
  if (names.length === 0) return scenarios
  return names.map((name) => {
    const found = scenarios.find((scenario) => scenario.name === name)
    if (found === undefined) throw new UnknownScenario(name)
    return found
  })
}

export class UnknownScenario extends Error {
  override readonly name = 'UnknownScenario'

  constructor(scenario: string) {
    super(`there is no scenario ${scenario}; \`isthmus chaos --list\` names them`)
  }
}
