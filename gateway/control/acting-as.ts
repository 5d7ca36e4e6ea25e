// Work in a folder that another user owns, done with that user's rights: what stands there may be a link to a file of root's.
import type { FileOwner } from './client-files.ts'

/** Runs `work`, synchronously, as `owner` where this process is root; as itself otherwise. */
export function actingAs<Result>(owner: FileOwner | null, work: () => Result): Result {
  const { geteuid, getegid, getgroups, seteuid, setegid, setgroups } = process
  if (owner === null || geteuid?.() !== 0 || seteuid === undefined || setegid === undefined || setgroups === undefined) return work()
  const [group, groups] = [getegid?.() ?? 0, getgroups?.() ?? []]
  setgroups([owner.gid])
  setegid(owner.gid)
  try {
    seteuid(owner.uid)
    try {
      return work()
    } finally {
      seteuid(0)
    }
  } finally {
    setegid(group)
    setgroups([...groups])
  }
}
