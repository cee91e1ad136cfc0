/** One node, or all of them. */
import { Pick } from '../controls/choices.tsx'
import { useNodes } from './use-nodes.ts'

export function NodePick({ value, onPick }: { readonly value: string; readonly onPick: (node: string) => void }) {
  const nodes = useNodes().value?.map(({ node }) => node) ?? []
  const all = value === '' || nodes.includes(value) ? nodes : [value, ...nodes]
  return (
    <Pick
      label="Node"
      value={value}
      options={[['', 'all nodes'], ...all.map((node) => [node, node] as const)]}
      onPick={onPick}
    />
  )
}
