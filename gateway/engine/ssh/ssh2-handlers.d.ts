// ssh2's table of message handlers, which its types do not have.
declare module 'ssh2/lib/protocol/handlers.js' {
  const handlers: unknown[]
  export = handlers
}
