/** A command whose output nobody reads any more, such as one in front of `head`, is done: that is no error of it. */
export function endWhenUnread(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}
