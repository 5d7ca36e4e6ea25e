// What is read of GitHub's answers. An answer of another shape is not trusted half: it is refused whole.
import { z } from 'zod'
import { ChannelTrouble } from '../../core/approval-channel.ts'

const userShape = z.object({ id: z.number().int().positive(), login: z.string().min(1), type: z.string() })

export const commentShape = z.object({
  id: z.number().int().positive(),
  node_id: z.string(),
  body: z.string().nullish(),
  // A deleted account leaves null; nobody is that person any more.
  user: userShape.nullable(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
  html_url: z.string(),
  // Absence must not read as "not through an app".
  performed_via_github_app: z.looseObject({}).nullable().optional(),
})
export type ApiComment = z.infer<typeof commentShape>

export const commentsShape = z.array(commentShape)

export const pullShape = z.object({
  number: z.number(),
  state: z.string(),
  locked: z.boolean(),
  merged: z.boolean(),
  user: userShape.nullable(),
  head: z.object({ sha: z.string().regex(/^[0-9a-f]{40,64}$/) }),
})

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
