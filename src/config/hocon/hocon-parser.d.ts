/** What we use of `@pushcorn/hocon-parser` 1.3, which comes without types. */
declare module '@pushcorn/hocon-parser' {
  const parser: {
    readonly Context: {
      /** Parses and resolves. Unlike the parser's main function it looks for no plugins in the package of the program. */
      resolve(options: {
        readonly text: string
        readonly strict: boolean
        /** Whether substitutions see `process.env`. */
        readonly env: boolean
        /** What substitutions see besides the text. */
        readonly scope: object
      }): Promise<unknown>
    }
  }
  export default parser
}
