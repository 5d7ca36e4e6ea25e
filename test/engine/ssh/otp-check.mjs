// What a host of Vault's one-time passwords runs at a login, as vault-ssh-helper does: asks Vault who may come in with this password.
import { readFileSync } from 'node:fs'
import process from 'node:process'

const otp = readFileSync(0, 'utf8').replace(/\0.*$/s, '')
const answer = await fetch(`${process.argv[2]}/v1/ssh/verify`, { method: 'POST', body: JSON.stringify({ otp }) })
const { data } = await answer.json()
process.exitCode = answer.ok && data.username === process.env['PAM_USER'] && data.ip === '127.0.0.1' ? 0 : 1
