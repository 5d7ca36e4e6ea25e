// What goes between the gateway and the process that uploads for it. The runtime token travels here only: not in argv, not in the environment.

export interface Upload {
  readonly name: string
  readonly root: string
  /** Absolute paths below `root`. */
  readonly files: readonly string[]
  readonly retentionDays: number | null
  /** A single file that browsers show at once, instead of a zip. */
  readonly isPage: boolean
}

export interface UploadRequest {
  readonly token: string
  readonly resultsUrl: string
  readonly uploads: readonly Upload[]
}

export type UploadAnswer =
  | { readonly outcome: 'uploaded'; readonly ids: readonly number[] }
  | { readonly outcome: 'failed'; readonly why: string }
