// A server that says what a test wants, and hears what sabir.js says to it, message by message.

import assert from 'node:assert/strict'
import { WebSocket, WebSocketServer } from 'ws'
import { connect, SabirError, Unanswered } from '../../web/pages/sabir.js'

// A queue that is awaited.
function queue() {
  const items = [], readers = []
  return {
    put: (x) => (readers.length ? readers.shift()(x) : items.push(x)),
    take: () => (items.length ? Promise.resolve(items.shift()) : new Promise((resolve) => readers.push(resolve))),
    get length() { return items.length },
  }
}

// Time that the test lets pass. Meanwhile somebody sets the clock of the machine back, an hour each time.
export function clocks(t) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = Math.ceil(performance.now()), hands = Date.now() // whole, or 20 s and 5 s are a little less than 25 s now and then
  t.mock.method(performance, 'now', () => now)
  t.mock.method(Date, 'now', () => hands)
  return (ms) => {
    now += ms
    hands -= 3600_000
    t.mock.timers.tick(ms)
  }
}

// A server whose peers are driven by the test. peer() greets, as a server does that lets everyone in.
export async function serve(t) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  const peers = queue()
  server.on('connection', (socket) => {
    const heard = queue()
    socket.on('message', (data) => heard.put(JSON.parse(data)))
    const gone = new Promise((resolve) => socket.on('close', resolve))
    peers.put({
      gone, heard,
      hear: heard.take,
      say: (m) => socket.send(typeof m === 'string' ? m : JSON.stringify(m)),
      cut: () => socket.terminate(),
      close: () => socket.close(),
      item: (id, params) => socket.send(JSON.stringify({ method: 'rpc.item', params: { id, ...params } })),
      live: (id, params) => socket.send(JSON.stringify({ method: 'rpc.live', params: { id, ...params } })),
      answer: (id, result) => socket.send(JSON.stringify({ id, result })),
      fail: (id, name, params = {}) => socket.send(JSON.stringify({ id, error: { code: 1, message: `no: ${name}`, data: { name, params } } })),
    })
  })
  await new Promise((resolve) => server.on('listening', resolve))
  const clients = []
  t.after(() => {
    for (const client of clients) client.close()
    for (const socket of server.clients) socket.terminate()
    server.close()
  })
  const url = `http://127.0.0.1:${server.address().port}`
  return {
    url, peers,
    connect(options, at = url) {
      const client = connect(at, { WebSocket, ...options })
      clients.push(client)
      return client
    },
    async peer() {
      const peer = await peers.take()
      const { id, method } = await peer.hear()
      assert.match(method, /^rpc\.(auth|ping)$/)
      peer.answer(id, {})
      return peer
    },
  }
}

export const expected = (name, params) => (error) => {
  assert.ok(error instanceof SabirError, String(error))
  assert.equal(error.name, name)
  if (params) assert.deepEqual(error.params, params)
  return true
}
export const unanswered = (sent) => (error) => {
  assert.ok(error instanceof Unanswered, String(error))
  assert.equal(error.sent, sent)
  return true
}
export const collect = async (events, n) => {
  const all = []
  for (; all.length < n; ) all.push((await events.next()).value)
  return all
}
