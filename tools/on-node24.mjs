// Runs a script on the Node the Action ships on, after setting up what a new machine lacks.
// Usage: node tools/on-node24.mjs ARGUMENTS-FOR-NODE…   Needs nothing but Node 20.19 and npm.
import { spawn } from 'node:child_process'
import { nodeOf, setUp } from './set-up.mjs'

// Only tests and benchmarks need programs of the system; the tour and the checks run on what npm brings.
setUp({ system: process.argv.slice(2).some(word => word === '--test' || /^(test|bench)\//.test(word)) })
const child = spawn(nodeOf(), process.argv.slice(2), { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal === null ? code : 1))
