// The listeners of a gateway: on loopback only, and a clear number when there is no port.
import assert from 'node:assert/strict'
import net from 'node:net'
import { describe, it, mock } from 'node:test'
import type { Engine, FrontDesk } from '../../gateway/core/session.ts'
import { Doors } from '../../gateway/doors.ts'

const engine: Engine = { protocol: 'postgres', serve: () => Promise.resolve() }
const desk = { connection: { name: 'orders-db' } } as unknown as FrontDesk

describe('doors', () => {
  it('listen on 127.0.0.1 and nowhere else', async () => {
    const doors = new Doors()
    const door = await doors.open(desk, 'ticket', engine)
    const elsewhere = net.connect({ host: '127.0.0.2', port: door.port })
    await assert.rejects(
      new Promise((resolve, reject) => {
        elsewhere.once('connect', resolve).once('error', reject)
      }),
      /ECONNREFUSED/,
    )
    await doors.close('the test is over')
  })

  it('lose one client, and no other, when its engine fails', async () => {
    const doors = new Doors()
    const door = await doors.open(desk, 'ticket', { protocol: 'postgres', serve: () => Promise.reject(new Error('unexpected')) })
    for (let client = 0; client < 2; client += 1) {
      const socket = net.connect({ host: '127.0.0.1', port: door.port })
      await new Promise(resolve => socket.once('close', resolve))
    }
    assert.equal(doors.count, 0)
    await doors.close('the test is over')
  })

  it('say that a port cannot be had (E14), by the name of the connection', async () => {
    const listen = mock.method(net.Server.prototype, 'listen', function listen(this: net.Server) {
      queueMicrotask(() => this.emit('error', Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' })))
      return this
    })
    try {
      await assert.rejects(new Doors().open(desk, 'ticket', engine), { code: 'PORT_IN_USE', id: 'E14', message: /orders-db/ })
    } finally {
      listen.mock.restore()
    }
  })
})
