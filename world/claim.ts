// Names that one process of this machine has at a time. The kernel keeps them, so that they end with the process, however it ends.
import net from 'node:net'

/** Takes a name until the function is called or this process ends; null while somebody else has it. Everybody's where there is no Linux. */
export async function claim(name: string): Promise<(() => void) | null> {
  if (process.platform !== 'linux') return () => undefined
  const holder = net.createServer()
  const isMine = await new Promise<boolean>(resolve => {
    holder.once('error', () => resolve(false))
    // An abstract socket: it has no file that could stay behind.
    holder.listen(`\0sallyport-${name}`, () => resolve(true))
  })
  holder.unref()
  return isMine ? () => void holder.close() : null
}

/** Waits for its turn at something that is there once on a machine. */
export async function turnAt(name: string): Promise<() => void> {
  for (;;) {
    const release = await claim(name)
    if (release !== null) return release
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}
