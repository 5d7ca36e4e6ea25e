// A real browser without a window, where this machine has one.
import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

/** Path of Chromium, null when it is not installed; `npm test` installs it where it may. */
export function findBrowser(): string | null {
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(file => existsSync(file)) ?? null
}

export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, timeout: 120_000, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] })
}
