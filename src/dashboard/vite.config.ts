/** Builds the dashboard into dist/dashboard, from where the node serves it. Nothing in it comes from another host. */
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('.'),
  // The node may stand behind a proxy, under whatever path.
  base: './',
  logLevel: 'warn',
  build: {
    outDir: here('../../dist/dashboard'),
    emptyOutDir: true,
    target: 'es2022',
    // `light-dark()`: each colour is said once.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // No `data:` addresses: the node's policy of content lets in only what it serves itself.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
})
