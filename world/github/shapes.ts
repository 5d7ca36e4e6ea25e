// The stand-in's state as GitHub's JSON. Tests hold every answer against GitHub's own description.
import type { Comment, Pull, Repository, Role, Team, User } from './state.ts'

type Json = Readonly<Record<string, unknown>>

export class Shapes {
  readonly #api: string
  readonly #html: string

  /** @param origin of the stand-in; links of the API and of the pages both begin with it. */
  constructor(origin: string) {
    this.#api = origin
    this.#html = origin
  }

  user(user: User): Json {
    const api = `${this.#api}/users/${user.login}`
    return {
      login: user.login,
      id: user.id,
      node_id: nodeId('U', user.id),
      avatar_url: `${this.#html}/avatars/${user.id}`,
      gravatar_id: '',
      url: api,
      html_url: `${this.#html}/${user.login}`,
      followers_url: `${api}/followers`,
      following_url: `${api}/following{/other_user}`,
      gists_url: `${api}/gists{/gist_id}`,
      starred_url: `${api}/starred{/owner}{/repo}`,
      subscriptions_url: `${api}/subscriptions`,
      organizations_url: `${api}/orgs`,
      repos_url: `${api}/repos`,
      events_url: `${api}/events{/privacy}`,
      received_events_url: `${api}/received_events`,
      type: user.type,
      user_view_type: 'public',
      site_admin: false,
    }
  }

  /** A user as `GET /users/{username}` gives it. */
  profile(user: User): Json {
    return {
      ...this.user(user),
      name: user.login,
      company: null,
      blog: '',
      location: null,
      email: null,
      hireable: null,
      bio: null,
      twitter_username: null,
      public_repos: 1,
      public_gists: 0,
      followers: 0,
      following: 0,
      created_at: '2020-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
    }
  }

  comment(comment: Comment): Json {
    const { pull } = comment
    const repo = `${this.#api}/repos/${fullName(pull.repository)}`
    return {
      id: comment.id,
      node_id: nodeId('IC', comment.id),
      url: `${repo}/issues/comments/${comment.id}`,
      html_url: `${this.#html}/${fullName(pull.repository)}/pull/${pull.number}#issuecomment-${comment.id}`,
      issue_url: `${repo}/issues/${pull.number}`,
      body: comment.body,
      user: this.user(comment.user),
      created_at: iso(comment.createdAt),
      updated_at: iso(comment.updatedAt),
      author_association: 'NONE',
      reactions: this.#reactions(comment),
      performed_via_github_app: comment.app === null ? null : this.#app(comment.app, pull.repository.owner),
    }
  }

  reaction(reaction: Comment['reactions'][number]): Json {
    return {
      id: reaction.id,
      node_id: nodeId('REA', reaction.id),
      user: this.user(reaction.user),
      content: reaction.content,
      created_at: iso(reaction.at),
    }
  }

  permission(user: User, role: Role): Json {
    const permission = role === 'maintain' ? 'write' : role === 'triage' ? 'read' : role
    const has = (wanted: readonly Role[]): boolean => wanted.includes(role)
    return {
      permission,
      role_name: role,
      user: {
        ...this.user(user),
        permissions: {
          admin: has(['admin']),
          maintain: has(['admin', 'maintain']),
          push: has(['admin', 'maintain', 'write']),
          triage: has(['admin', 'maintain', 'write', 'triage']),
          pull: !has(['none']),
        },
        role_name: role,
      },
    }
  }

  team(team: Team): Json {
    const org = team.org.login
    const api = `${this.#api}/organizations/${team.org.id}/team/${team.id}`
    return {
      id: team.id,
      node_id: nodeId('T', team.id),
      url: api,
      html_url: `${this.#html}/orgs/${org}/teams/${team.slug}`,
      name: team.slug,
      slug: team.slug,
      description: null,
      privacy: team.isSecret ? 'secret' : 'closed',
      notification_setting: 'notifications_enabled',
      permission: 'pull',
      type: 'organization',
      members_url: `${api}/members{/member}`,
      repositories_url: `${api}/repos`,
      parent: null,
      members_count: team.members.size,
      repos_count: 0,
      created_at: '2020-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      organization: this.#organization(team.org),
    }
  }

  membership(team: Team, user: User, state: string): Json {
    return { url: `${this.#api}/organizations/${team.org.id}/team/${team.id}/memberships/${user.login}`, role: 'member', state }
  }

  repository(repository: Repository): Json {
    const name = fullName(repository)
    const api = `${this.#api}/repos/${name}`
    const html = `${this.#html}/${name}`
    return {
      id: repository.id,
      node_id: nodeId('R', repository.id),
      name: repository.name,
      full_name: name,
      private: repository.isPrivate,
      owner: this.user(repository.owner),
      html_url: html,
      description: null,
      fork: repository.isFork,
      url: api,
      ...repositoryLinks(api),
      git_url: `git:${name}.git`,
      ssh_url: `git@127.0.0.1:${name}.git`,
      clone_url: `${html}.git`,
      svn_url: html,
      homepage: null,
      language: null,
      forks: 0,
      forks_count: 0,
      stargazers_count: 0,
      watchers: 0,
      watchers_count: 0,
      size: 1,
      default_branch: repository.defaultBranch,
      open_issues: 0,
      open_issues_count: 0,
      is_template: false,
      topics: [],
      has_issues: true,
      has_projects: false,
      has_wiki: false,
      has_pages: false,
      has_discussions: false,
      has_downloads: false,
      archived: false,
      disabled: false,
      visibility: repository.isPrivate ? 'private' : 'public',
      mirror_url: null,
      license: null,
      allow_forking: true,
      web_commit_signoff_required: false,
      pushed_at: '2026-01-01T00:00:00Z',
      created_at: '2020-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      permissions: { admin: false, push: false, pull: true },
      network_count: 0,
      subscribers_count: 0,
    }
  }

  /** @param isWhole with the counts that only `GET …/pulls/{number}` has. */
  pull(pull: Pull, isWhole: boolean): Json {
    const name = fullName(pull.repository)
    const api = `${this.#api}/repos/${name}/pulls/${pull.number}`
    const html = `${this.#html}/${name}/pull/${pull.number}`
    const issue = `${this.#api}/repos/${name}/issues/${pull.number}`
    const links = {
      url: api,
      html_url: html,
      diff_url: `${html}.diff`,
      patch_url: `${html}.patch`,
      issue_url: issue,
      commits_url: `${api}/commits`,
      review_comments_url: `${api}/comments`,
      review_comment_url: `${this.#api}/repos/${name}/pulls/comments{/number}`,
      comments_url: `${issue}/comments`,
      statuses_url: `${this.#api}/repos/${name}/statuses/${pull.headSha}`,
    }
    const at = iso(pull.createdAt)
    const base = {
      ...links,
      id: pull.number + 10_000,
      node_id: nodeId('PR', pull.number),
      number: pull.number,
      state: pull.state,
      locked: pull.isLocked,
      title: pull.title,
      user: this.user(pull.author),
      body: pull.body,
      labels: [],
      milestone: null,
      active_lock_reason: null,
      created_at: at,
      updated_at: at,
      closed_at: pull.state === 'closed' ? at : null,
      merged_at: pull.isMerged ? at : null,
      merge_commit_sha: pull.mergeSha,
      assignee: null,
      assignees: [],
      requested_reviewers: [],
      requested_teams: [],
      head: this.#side(pull.headRef, pull.headSha, pull.headRepository),
      base: this.#side(pull.repository.defaultBranch, '0'.repeat(40), pull.repository),
      _links: {
        self: { href: links.url },
        html: { href: links.html_url },
        issue: { href: links.issue_url },
        comments: { href: links.comments_url },
        review_comments: { href: links.review_comments_url },
        review_comment: { href: links.review_comment_url },
        commits: { href: links.commits_url },
        statuses: { href: links.statuses_url },
      },
      author_association: 'CONTRIBUTOR',
      auto_merge: null,
      draft: false,
    }
    if (!isWhole) return base
    return {
      ...base,
      merged: pull.isMerged,
      mergeable: true,
      rebaseable: true,
      mergeable_state: 'clean',
      merged_by: null,
      comments: pull.comments.length,
      review_comments: 0,
      maintainer_can_modify: false,
      commits: 1,
      additions: 1,
      deletions: 0,
      changed_files: 1,
    }
  }

  #side(ref: string, sha: string, repository: Repository | null): Json {
    return {
      label: repository === null ? null : `${repository.owner.login}:${ref}`,
      ref,
      sha,
      user: repository === null ? null : this.user(repository.owner),
      repo: repository === null ? null : this.repository(repository),
    }
  }

  #app(slug: string, owner: User): Json {
    return {
      id: 15_368,
      slug,
      node_id: nodeId('A', 15_368),
      owner: this.user(owner),
      name: slug,
      description: null,
      external_url: this.#html,
      html_url: `${this.#html}/apps/${slug}`,
      created_at: '2020-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      permissions: { issues: 'write', metadata: 'read' },
      events: [],
    }
  }

  #organization(org: User): Json {
    const api = `${this.#api}/orgs/${org.login}`
    return {
      login: org.login,
      id: org.id,
      node_id: nodeId('O', org.id),
      url: api,
      repos_url: `${api}/repos`,
      events_url: `${api}/events`,
      hooks_url: `${api}/hooks`,
      issues_url: `${api}/issues`,
      members_url: `${api}/members{/member}`,
      public_members_url: `${api}/public_members{/member}`,
      avatar_url: `${this.#html}/avatars/${org.id}`,
      description: null,
      is_verified: false,
      has_organization_projects: true,
      has_repository_projects: true,
      public_repos: 1,
      public_gists: 0,
      followers: 0,
      following: 0,
      html_url: `${this.#html}/${org.login}`,
      type: 'Organization',
      created_at: '2020-01-01T00:00:00Z',
      updated_at: '2026-01-01T00:00:00Z',
      archived_at: null,
    }
  }

  #reactions(comment: Comment): Json {
    const count = (content: string): number => comment.reactions.filter(reaction => reaction.content === content).length
    return {
      url: `${this.#api}/repos/${fullName(comment.pull.repository)}/issues/comments/${comment.id}/reactions`,
      total_count: comment.reactions.length,
      ...Object.fromEntries(
        ['+1', '-1', 'laugh', 'confused', 'heart', 'hooray', 'eyes', 'rocket'].map(content => [content, count(content)]),
      ),
    }
  }
}

export function fullName(repository: Repository): string {
  return `${repository.owner.login}/${repository.name}`
}

function nodeId(kind: string, id: number): string {
  return `${kind}_${Buffer.from(String(id)).toString('base64url')}`
}

/** The number in a node id; null when it is none of ours. */
export function idOfNode(kind: string, node: string): number | null {
  const [, text] = new RegExp(`^${kind}_([\\w-]+)$`).exec(node) ?? []
  const id = text === undefined ? Number.NaN : Number(Buffer.from(text, 'base64url').toString())
  return Number.isInteger(id) ? id : null
}

export function iso(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`
}

const linkEnds = {
  archive_url: '{archive_format}{/ref}',
  assignees_url: '{/user}',
  blobs_url: '/git/blobs{/sha}',
  branches_url: '{/branch}',
  collaborators_url: '{/collaborator}',
  comments_url: '{/number}',
  commits_url: '{/sha}',
  compare_url: '/{base}...{head}',
  contents_url: '/{+path}',
  contributors_url: '',
  deployments_url: '',
  downloads_url: '',
  events_url: '',
  forks_url: '',
  git_commits_url: '/git/commits{/sha}',
  git_refs_url: '/git/refs{/sha}',
  git_tags_url: '/git/tags{/sha}',
  hooks_url: '',
  issue_comment_url: '/issues/comments{/number}',
  issue_events_url: '/issues/events{/number}',
  issues_url: '{/number}',
  keys_url: '{/key_id}',
  labels_url: '{/name}',
  languages_url: '',
  merges_url: '',
  milestones_url: '{/number}',
  notifications_url: '{?since,all,participating}',
  pulls_url: '{/number}',
  releases_url: '{/id}',
  stargazers_url: '',
  statuses_url: '{/sha}',
  subscribers_url: '',
  subscription_url: '',
  tags_url: '',
  teams_url: '',
  trees_url: '/git/trees{/sha}',
} as const

function repositoryLinks(api: string): Json {
  return Object.fromEntries(
    Object.entries(linkEnds).map(([name, end]) => [name, `${api}${end.startsWith('/') ? end : `/${name.replace(/_url$/, '')}${end}`}`]),
  )
}
