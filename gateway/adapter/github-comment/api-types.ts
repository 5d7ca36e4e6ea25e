// What is read of GitHub's answers. An answer of another shape is not trusted half: it is refused whole.
import { z } from 'zod'
import { ChannelTrouble } from '../../core/approval-channel.ts'

const userShape = z.object({ id: z.number().int().positive(), login: z.string().min(1), type: z.string() })
const timeShape = z.iso.datetime({ offset: true })

export const commentShape = z.object({
  id: z.number().int().positive(),
  // Only the history of edits needs it; without it the two times say whether it was edited.
  node_id: z.string().nullish(),
  body: z.string().nullish(),
  // A deleted account leaves null; nobody is that person any more.
  user: userShape.nullable(),
  created_at: timeShape,
  updated_at: timeShape,
  html_url: z.string(),
  // Absence must not read as "not through an app".
  performed_via_github_app: z.looseObject({}).nullable().optional(),
})
export type ApiComment = z.infer<typeof commentShape>

export const commentsShape = z.array(commentShape)

export const pullShape = z.object({
  state: z.string(),
  // Left out means no: a merged pull request is also closed, and into a locked one GitHub lets no stranger write.
  locked: z.boolean().nullish(),
  merged: z.boolean().nullish(),
  user: userShape.nullable(),
  head: z.object({ sha: z.string().regex(/^[0-9a-f]{40,64}$/) }),
})
export type ApiPull = z.infer<typeof pullShape>

export const publicUserShape = userShape
export const membershipShape = z.object({ state: z.string() })

export const editsShape = z.object({
  node: z.object({ databaseId: z.number().nullish(), lastEditedAt: z.string().nullable(), includesCreatedEdit: z.boolean() }).nullable(),
})

/** @throws {ChannelTrouble} when GitHub's answer is not what its description says. */
export function parse<T>(shape: z.ZodType<T>, what: string, answer: unknown): T {
  const parsed = shape.safeParse(answer)
  if (!parsed.success) throw new ChannelTrouble(`GitHub's answer about ${what} is not understood`, null)
  return parsed.data
}
