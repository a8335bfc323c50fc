// sabir.js where things go wrong: readers that do not read, ways that are slow or lead nowhere, programs that ask for too
// much. As in scripted.test.mjs, against a server that says what each test wants.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { connect, Unanswered } from '../../web/pages/sabir.js'
import { clocks, collect, expected, serve, unanswered } from './script.mjs'

describe('what programs do', { timeout: 60_000 }, () => {
  test('params go as they were when the call was made', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const params = { n: 1 }
    client.call('x', params).catch(() => {})
    const events = client.watch('y', params)
    params.n = 2
    const peer = await s.peer()
    assert.deepEqual((await peer.hear()).params, { n: 1 })
    assert.deepEqual((await peer.hear()).params, { n: 1 })
    peer.cut()
    assert.deepEqual((await (await s.peer()).hear()).params, { n: 1 })
    await events.return()
    await assert.rejects(client.call('x', { n: 1n }), TypeError)
  })

  test('a time that no clock reaches is none', async (t) => {
    const s = await serve(t)
    const client = s.connect({ patience: Infinity })
    const calls = [client.call('x', {}, { timeout: Infinity }), client.call('x', {}, { timeout: 2 ** 40 })]
    const peer = await s.peer()
    for (const _ of calls) peer.answer((await peer.hear()).id, 'done')
    assert.deepEqual(await Promise.all(calls), ['done', 'done'])
  })

  test('what is no URL of a server is told as that, without its token', () => {
    const no = (got) => ({ name: 'TypeError', message: 'connect: expected the URL of a server, as http://localhost:7224, got ' + got })
    assert.throws(() => connect(), no('none'))
    for (const wrong of ['lounge', 'localhost:7224', 'sabir://lounge.example:7224']) assert.throws(() => connect(wrong + '#t=secret'), no(wrong))
  })

  test('half an emoji is refused here, and ends nothing', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const kept = client.call('x', { text: ['\\ud83d', '\u{1f600}', '\\\\ud800'] })
    const peer = await s.peer()
    const { id, params } = await peer.hear()
    assert.deepEqual(params.text, ['\\ud83d', '\u{1f600}', '\\\\ud800'])
    for (const text of ['\ud83d', '\\\udc00', '\u{1f600}'.slice(0, 1)]) {
      await assert.rejects(client.call('x', { text }), /^TypeError: params have a text with half a surrogate pair$/)
      assert.throws(() => client.watch('x', { [text]: 1 }), TypeError)
    }
    peer.answer(id, 'done')
    assert.equal(await kept, 'done')
  })

  test('a window over 1024 is 1024, of which half is asked for again', async (t) => {
    const s = await serve(t)
    const events = s.connect().stream('x', {}, { window: 5000 })
    const peer = await s.peer()
    const { id, window } = await peer.hear()
    assert.equal(window, 1024)
    for (let i = 0; i < 1024; i++) peer.item(id, { value: i })
    await collect(events, 512)
    assert.deepEqual((await peer.hear()).params, { id, n: 512 })
  })

  test('what is of another kind says so', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const loops = ['stream', 'watch', 'state', 'table', 'stream'].map((kind) => client[kind](kind).next())
    const peer = await s.peer()
    for (const result of [{ n: 1 }, {}, {}, {}, {}]) peer.answer((await peer.hear()).id, result)
    await assert.rejects(loops[0], /^Error: stream answered at once: it is no stream$/)
    for (const loop of loops.slice(1, 4)) await assert.rejects(loop, /it is no topic, state or table$/)
    assert.deepEqual(await loops[4], { value: undefined, done: true })
  })

  for (const kind of ['stream', 'watch', 'state', 'table']) {
    test(`a ${kind} is left while it waits`, async (t) => {
      const s = await serve(t)
      const loop = s.connect()[kind]('x')
      const next = loop.next()
      const peer = await s.peer()
      const { id } = await peer.hear()
      assert.equal((await loop.return()).done, true)
      assert.equal((await next).done, true)
      assert.deepEqual((await peer.hear()).params, { id })
    })
  }

  test('what onstate throws is its own, and it may close', async (t) => {
    const s = await serve(t)
    const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
    t.after(() => process.setUncaughtExceptionCaptureCallback(null))
    const client = s.connect({ onstate: () => { throw new Error('mine') } })
    const peer = await s.peer()
    assert.equal((await thrown).message, 'mine')
    peer.cut()
    const call = client.call('x', {}, { retry: true })
    const next = await s.peer()
    next.answer((await next.hear()).id, 'done')
    assert.equal(await call, 'done')

    t.mock.method(Math, 'random', () => 0) // so that it would be back at once
    const states = []
    const other = s.connect({ onstate: (state) => { states.push(state); if (state === 'connecting') other.close() } })
    const last = await s.peer()
    last.cut()
    await last.gone
    await assert.rejects(other.call('x'), Unanswered)
    await new Promise((resolve) => setTimeout(resolve, 100)) // in which it would be back
    assert.deepEqual(states, ['connected', 'connecting', 'closed'])
    assert.equal(s.peers.length, 0)
  })
})

describe('retry', { timeout: 60_000 }, () => {
  test('a call that ends its connection each time is made less and less often', async (t) => {
    const s = await serve(t)
    t.mock.method(Math, 'random', () => 0.5) // of two seconds, and of four
    const client = s.connect()
    const call = client.call('x', {}, { retry: true })
    let at = 0
    for (const pause of [0, 900, 1900]) {
      const peer = await s.peer()
      assert.ok(performance.now() - at > pause, 'it came back at once')
      assert.equal((await peer.hear()).method, 'x')
      peer.cut()
      at = performance.now()
    }
    client.close()
    await assert.rejects(call, unanswered(true)) // it may have run
  })

  test('a message that is too large ends its own call, and no connection after that', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const other = client.call('x')
    const large = client.call('y', { text: 'é'.repeat(600) }, { retry: true })
    await peer.hear()
    await peer.hear()
    peer.say({ id: null, error: { code: -32007, message: 'over 1000 bytes', data: { name: 'rpc.TooLarge', params: { limit: 1000 } } } })
    peer.close()
    await assert.rejects(large, expected('rpc.TooLarge', { limit: 1000 }))
    await assert.rejects(other, unanswered(true))
    const next = await s.peer()
    await assert.rejects(client.call('y', { text: 'é'.repeat(600) }), expected('rpc.TooLarge'))
    client.call('x').catch(() => {})
    assert.equal((await next.hear()).method, 'x')
  })
})

describe('what is slow', { timeout: 60_000 }, () => {
  test('a reader that does not read costs no connection', async (t) => {
    const s = await serve(t)
    t.mock.method(Math, 'random', () => 0)
    const events = s.connect().watch('x', {}, { window: 1 })
    for (let i = 0; i < 5; i++) {
      const peer = await s.peer()
      const { id, window } = await peer.hear()
      assert.equal(window, 1)
      peer.item(id, { value: i })
      peer.live(id, {})
      peer.say({ id: 'ours', method: 'x' }) // and when that is declined, the others have been heard
      assert.equal((await peer.hear()).id, 'ours')
      peer.cut()
    }
    assert.deepEqual((await collect(events, 3)).map((e) => e.kind), ['item', 'live', 'down'])
  })

  test('calls wait while much is unsent, and can be taken back until then', async (t) => {
    const s = await serve(t)
    let full // of which nothing leaves
    class Slow extends WebSocket {
      get bufferedAmount() { return this === full ? (1 << 20) + 1 : 0 }
    }
    let socket
    const client = s.connect({ WebSocket: function (url) { return (socket = new Slow(url)) } })
    const first = await s.peer()
    full = socket
    const calls = [client.call('a'), client.call('b', {}, { timeout: 50 }), client.call('c')]
    await assert.rejects(calls[1], { name: 'rpc.DeadlineExceeded' })
    assert.equal(first.heard.length, 0)
    first.cut() // none of them has been sent
    const second = await s.peer()
    for (const name of ['a', 'c']) {
      const { id, method } = await second.hear()
      assert.equal(method, name)
      second.answer(id, name)
    }
    assert.deepEqual(await Promise.all([calls[0], calls[2]]), ['a', 'c'])
    full = socket
    const last = client.call('d')
    full = null // and nothing says so
    second.answer((await second.hear()).id, 'd')
    assert.equal(await last, 'd')
    full = socket
    const moved = client.call('e')
    second.say({ method: 'rpc.goaway' })
    const third = await s.peer()
    third.answer((await third.hear()).id, 'e')
    assert.equal(await moved, 'e')
    assert.equal(second.heard.length, 0)
  })

  test('who was sent much has time to hear it', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    peer.cut()
    const pass = clocks(t)
    const next = await s.peer()
    const upload = client.call('x', { text: 'x'.repeat(1 << 20) })
    await next.hear()
    pass(25_000)
    assert.equal((await next.hear()).method, 'rpc.ping')
    pass(100_000) // at ten thousand bytes a second it has a hundred and four
    client.call('y').catch(() => {})
    assert.equal((await next.hear()).method, 'y')
    const lost = assert.rejects(upload, unanswered(true))
    pass(20_000)
    await next.gone
    await lost
  })

  test('a way that leads nowhere is given up', async (t) => {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const pass = clocks(t)
    const client = connect(`ws://127.0.0.1:${server.address().port}`, { WebSocket })
    t.after(() => { client.close(); server.close() })
    const [socket] = await once(server, 'connection')
    const gone = once(socket.resume(), 'close')
    pass(30_000)
    pass(10_000)
    await gone
    const [again] = await once(server, 'connection')
    again.destroy()
  })
})
