// The claims of GitHub's workflow tokens, all of them texts, for one job on a branch.
import { randomUUID } from 'node:crypto'

export type Claims = Readonly<Record<string, unknown>>

/** A push to main of `acme/shop`, environment `production`; times are seconds since 1970. */
export function githubClaims(iss: string, nowSec: number): Claims {
  return {
    iss,
    aud: 'https://github.com/acme',
    sub: 'repo:acme@10/shop@123:environment:production',
    jti: randomUUID(),
    iat: nowSec,
    nbf: nowSec - 600,
    exp: nowSec + 300,
    actor: 'alice',
    actor_id: '500',
    base_ref: '',
    check_run_id: '7001',
    enterprise: 'acme-group',
    enterprise_id: '3',
    environment: 'production',
    event_name: 'push',
    head_ref: '',
    job_workflow_ref: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
    job_workflow_sha: 'a'.repeat(40),
    ref: 'refs/heads/main',
    ref_protected: 'true',
    ref_type: 'branch',
    repository: 'acme/shop',
    repository_id: '123',
    repository_owner: 'acme',
    repository_owner_id: '10',
    repository_visibility: 'private',
    run_attempt: '1',
    run_id: '100',
    run_number: '5',
    runner_environment: 'github-hosted',
    sha: 'b'.repeat(40),
    workflow: 'deploy',
    workflow_ref: 'acme/shop/.github/workflows/deploy.yml@refs/heads/main',
    workflow_sha: 'b'.repeat(40),
  }
}
