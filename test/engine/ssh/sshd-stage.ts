// A real sshd for the tests of a file, and gateways in front of it that end with them.
import { after, before } from 'node:test'
import { startSshd } from '../../../world/sshd/server.ts'
import type { SshServer, SshServerOptions } from '../../../world/sshd/server.ts'
import { sshGatewayThat } from './gateway-that.ts'
import type { SshGateway, SshGatewaySettings } from './gateway-that.ts'

export interface SshdStage {
  readonly sshd: SshServer
  readonly gatewayThat: (settings?: Partial<SshGatewaySettings>) => Promise<SshGateway>
  /** With these rules, one entry each. */
  readonly gatewayOf: (...rules: readonly string[]) => Promise<SshGateway>
}

/** To be called in a `describe`: the server lives as long as that. */
export function sshdStage(options: SshServerOptions = {}): SshdStage {
  let sshd: SshServer
  const gateways: SshGateway[] = []
  before(async () => {
    sshd = await startSshd(options)
  })
  after(async () => {
    await Promise.all(gateways.map(gateway => gateway.stop()))
    await sshd.stop()
  })
  const stage: SshdStage = {
    get sshd() {
      return sshd
    },
    gatewayThat: async (settings = {}) => {
      const gateway = await sshGatewayThat({ sshd, ...settings })
      gateways.push(gateway)
      return gateway
    },
    gatewayOf: (...rules) => stage.gatewayThat({ rules }),
  }
  return stage
}
