// A page that looks like a pull request, so that a person can answer without GitHub: pick who you are, write a comment.
// Only for a stand-in on loopback: here everybody may be anybody.
import { escapeHtml, renderMarkdown } from './markdown.ts'
import { fullName, iso } from './shapes.ts'
import { atLeast, type Pull, type World } from './state.ts'

/** Strict: the page runs one script of its own. */
export const pageHeaders = (nonce: string): Readonly<Record<string, string>> => ({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
})

/** The comments as HTML, also for the page's own refresh. */
export function commentsHtml(pull: Pull): string {
  return pull.comments
    .filter(comment => !comment.isDeleted)
    .map(comment => {
      const isBot = comment.user.type === 'Bot'
      const edited =
        comment.lastEditedAt === null ? '' : ` · edited${comment.editor === null ? '' : ` by ${escapeHtml(comment.editor.login)}`}`
      const reactions = comment.reactions
        .map(({ content }) => ({ rocket: '🚀', '-1': '👎', '+1': '👍', eyes: '👀' })[content] ?? content)
        .join(' ')
      return `<article id="issuecomment-${comment.id}"><header><strong>${escapeHtml(comment.user.login)}</strong>${isBot ? ' <em>bot</em>' : ''} commented ${iso(comment.createdAt).slice(11, 19)} UTC${edited}</header><div class="body">${renderMarkdown(comment.body)}</div>${reactions === '' ? '' : `<footer>${reactions}</footer>`}</article>`
    })
    .join('\n')
}

/** @param secret proves that a form comes from this page. */
export function pullPage(world: World, pull: Pull, nonce: string, secret: string): string {
  const people = [...world.users.values()].filter(({ type }) => type === 'User')
  const options = people.map(user => {
    const role = world.role(pull.repository, user)
    const what = user.id === pull.author.id ? 'author' : atLeast(role, 'write') ? 'may write' : 'may read'
    const teams = [...world.teams.values()]
      .filter(team => team.members.get(user.id) === 'active')
      .map(team => `${team.org.login}/${team.slug}`)
    return `<option value="${user.id}">${escapeHtml(user.login)} (${[what, ...teams].join(', ')})</option>`
  })
  const where = `/${fullName(pull.repository)}/pull/${pull.number}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(pull.title)} #${pull.number}</title>
<style nonce="${nonce}">
body{font:14px/1.5 system-ui,sans-serif;max-width:860px;margin:24px auto;padding:0 16px;color:#1f2328;background:#fff}
article{border:1px solid #d1d9e0;border-radius:6px;margin:16px 0}article>header{background:#f6f8fa;padding:8px 16px;border-bottom:1px solid #d1d9e0}
article>footer{padding:4px 16px 10px}.body{padding:8px 16px;overflow-wrap:anywhere}pre{background:#f6f8fa;padding:12px;border-radius:6px;overflow:auto}
code{font:12px ui-monospace,monospace;background:#eff1f3;padding:1px 4px;border-radius:4px}pre code{background:none;padding:0}
table{border-collapse:collapse}td{border:1px solid #d1d9e0;padding:4px 10px}blockquote{border-left:4px solid #d1d9e0;margin:8px 0;padding:0 12px}
.mention{font-weight:600}.state{display:inline-block;background:#1a7f37;color:#fff;border-radius:99px;padding:2px 12px}.note{color:#59636e}
textarea{width:100%;box-sizing:border-box;min-height:70px;font:13px ui-monospace,monospace}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}article>header,pre,code{background:#151b23}article,td,article>header{border-color:#3d444d}}
</style></head><body>
<h1>${escapeHtml(pull.title)} <span class="note">#${pull.number}</span></h1>
<p><span class="state">${pull.isMerged ? 'Merged' : pull.state === 'open' ? 'Open' : 'Closed'}</span> ${escapeHtml(pull.author.login)} wants to merge <code>${escapeHtml(pull.headRef)}</code> into <code>${escapeHtml(pull.repository.defaultBranch)}</code></p>
<p class="note">A stand-in for GitHub on this machine, for trying things out.</p>
<main id="thread" aria-live="polite">${commentsHtml(pull)}</main>
<form method="post" action="${where}/comments">
<input type="hidden" name="secret" value="${secret}">
<label>You are <select name="user">${options.join('')}</select></label>
<p><label>Comment<textarea name="body" required placeholder="/sallyport approve XXXX-XXXX"></textarea></label></p>
<button>Comment</button></form>
<script nonce="${nonce}">
const thread = document.getElementById('thread')
setInterval(async () => {
  try {
    const answer = await fetch('${where}/comments')
    const html = await answer.text()
    if (answer.ok && html !== thread.dataset.html) thread.innerHTML = thread.dataset.html = html
  } catch { thread.title = 'The stand-in has ended.' }
}, 1000)
</script></body></html>`
}
