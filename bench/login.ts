// How a program of the benchmark reaches one of the ways: always on 127.0.0.1, always without TLS.
export interface Login {
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** What libpq reads. */
export function environmentOf({ port, user, password, database }: Login): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    LANG: 'C.UTF-8',
    PGHOST: '127.0.0.1',
    PGPORT: `${port}`,
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: database,
    PGSSLMODE: 'disable',
  }
}
