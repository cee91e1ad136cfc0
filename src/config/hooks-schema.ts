/** `hooks`: modules of whoever runs the node. */
import * as z from 'zod'
import { text } from './fields.ts'

export const hooksSchema = z
  .array(text('the name of a module').min(1, { error: 'expected the name of a module' }), {
    error: 'expected a list of modules: ["./my-hooks.mjs"]',
  })
  .default([])
