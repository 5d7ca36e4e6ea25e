// The one thing this room throws: what was sent, or should be, is not HTTP/1.1. Never carries the bytes themselves.

export class HttpError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'HttpError'
  }
}
