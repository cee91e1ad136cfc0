/** Seeds in which something was found to be wrong, and what; it was mended, and they are run for ever. */
export const foundSeeds: readonly { readonly seed: number; readonly found: string }[] = []
