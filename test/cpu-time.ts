// What work costs this thread, which a clock on the wall cannot tell while others use the same processors.

/** Processor time of the work, in ms. */
export function cpuMsOf(work: () => void): number {
  const before = process.threadCpuUsage()
  work()
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}
