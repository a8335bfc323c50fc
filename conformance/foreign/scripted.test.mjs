// sabir.js over the WebSocket of the package ws, against a server that says what each test wants: what goes over the
// wire, message by message. Against a real one: sabirjs.test.mjs.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { readFileSync } from 'node:fs'
import { WebSocket } from 'ws'
import { connect, SabirError, Unanswered } from '../../web/pages/sabir.js'
import { clocks, collect, expected, serve, unanswered } from './script.mjs'

test('the file is under 12 KB gzipped', () => {
  const size = gzipSync(readFileSync(new URL('../../web/pages/sabir.js', import.meta.url)), { level: 9 }).length
  assert.ok(size < 12_000, `${size} bytes`)
})

describe('calls', { timeout: 60_000 }, () => {
  test('a result, an error by name, and who we are before anything else', async (t) => {
    const s = await serve(t)
    const client = s.connect({ token: '2abc.secret' })
    const joined = client.call('lounge.join', { room: 'dev' })
    const peer = await s.peers.take()
    const auth = await peer.hear()
    assert.deepEqual(auth, { jsonrpc: '2.0', id: 1, method: 'rpc.auth', params: { token: '2abc.secret' } })
    assert.equal(peer.heard.length, 0)
    peer.answer(1, { you: {} })
    assert.deepEqual(await peer.hear(), { jsonrpc: '2.0', id: 2, method: 'lounge.join', params: { room: 'dev' } })
    peer.answer(2, { members: 1 })
    assert.deepEqual(await joined, { members: 1 })
    const said = client.call('lounge.say')
    const { id, params } = await peer.hear()
    assert.deepEqual(params, {})
    peer.fail(id, 'lounge.NoSuchRoom', { room: 'x' })
    await assert.rejects(said, expected('lounge.NoSuchRoom', { room: 'x' }))
  })

  test('the token may be in the fragment, which is sent nowhere', async (t) => {
    const s = await serve(t)
    s.connect({}, s.url + '/some/page?x=1#t=2abc.secret')
    const peer = await s.peers.take()
    assert.equal((await peer.hear()).params.token, '2abc.secret')
  })

  test('who is not let in is told so, and does not try again', async (t) => {
    const s = await serve(t)
    const states = []
    const client = s.connect({ token: 'wrong', onstate: (...state) => states.push(state) })
    const call = client.call('lounge.status')
    const watch = client.watch('lounge.status').next()
    const peer = await s.peers.take()
    peer.fail((await peer.hear()).id, 'rpc.Denied', { needs: 'auth', mechanism: 'bearer' })
    await assert.rejects(call, expected('rpc.Denied'))
    await assert.rejects(watch, expected('rpc.Denied'))
    await assert.rejects(client.call('lounge.status'), expected('rpc.Denied'))
    assert.equal(states.length, 1)
    assert.equal(states[0][0], 'closed')
    assert.equal(states[0][1].name, 'rpc.Denied')
    await peer.gone
    assert.equal(s.peers.length, 0)
  })

  test('a server that has no room is asked again', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peers.take()
    peer.fail((await peer.hear()).id, 'rpc.Busy')
    const call = client.call('lounge.status')
    const next = await s.peer()
    next.answer((await next.hear()).id, { rooms: 1 })
    assert.deepEqual(await call, { rooms: 1 })
  })

  test('what was sent is unanswered when the connection breaks, and is made again if it may', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const once = client.call('lounge.say', { text: 'once' })
    const again = client.call('lounge.join', { room: 'again' }, { retry: true })
    assert.equal((await peer.hear()).params.text, 'once')
    assert.equal((await peer.hear()).params.room, 'again')
    const refused = assert.rejects(once, unanswered(true))
    peer.cut()
    await refused
    const next = await s.peer()
    const { id, params } = await next.hear()
    assert.equal(params.room, 'again')
    next.answer(id, {})
    await again
    assert.equal(next.heard.length, 0)
  })

  test('what cannot be sent waits for a connection, for so long', async (t) => {
    const client = connect('ws://127.0.0.1:9', { WebSocket, patience: 200 })
    t.after(() => client.close())
    await assert.rejects(client.call('lounge.status'), unanswered(false))
    await assert.rejects(client.stream('lounge.search').next(), unanswered(false))
  })

  test('a signal cancels it', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const control = new AbortController()
    const call = client.call('lounge.say', {}, { signal: control.signal })
    const { id } = await peer.hear()
    const why = new Error('enough')
    const refused = assert.rejects(call, why)
    control.abort(why)
    await refused
    assert.deepEqual(await peer.hear(), { jsonrpc: '2.0', method: 'rpc.cancel', params: { id } })
    peer.fail(id, 'rpc.Cancelled')
    await assert.rejects(client.call('lounge.say', {}, { signal: AbortSignal.abort(why) }), why)
    const next = client.call('lounge.say')
    peer.answer((await peer.hear()).id, { seq: 1 })
    assert.deepEqual(await next, { seq: 1 })
  })

  test('a time is told to the server, and holds if that does not answer', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const call = client.call('lounge.say', {}, { timeout: 50 })
    const refused = assert.rejects(call, expected('rpc.DeadlineExceeded'))
    const { id, timeout } = await peer.hear()
    assert.equal(timeout, 0.05)
    await refused
    assert.deepEqual((await peer.hear()).params, { id })
  })

  test('answers that are none', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    for (const answer of [{}, { result: 1, error: { code: 1 } }]) {
      const call = client.call('lounge.status')
      const { id } = await peer.hear()
      peer.say({ id: 'nobody asked', result: 1 })
      peer.say({ id, ...answer })
      await assert.rejects(call, expected('rpc.InvalidResult'))
    }
    const call = client.call('lounge.status')
    await peer.hear()
    const refused = assert.rejects(call, unanswered(true))
    peer.say('{"id":')
    await refused
  })

  test('what is refused because too many are under way is made again when one of them is answered', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const busy = async (limit) => peer.fail((await peer.hear()).id, 'rpc.Busy', { limit })
    const alone = client.call('lounge.say')
    await Promise.all([assert.rejects(alone, expected('rpc.Busy')), busy('in_flight')]) // and is not made again
    const first = client.call('lounge.first')
    const rest = ['a', 'b', 'c'].map((name) => client.call('lounge.' + name))
    const { id } = await peer.hear()
    await busy('in_flight')
    await busy('queue')
    const c = await peer.hear()
    peer.answer(id, 1)
    assert.equal(await first, 1)
    const a = await peer.hear()
    assert.equal(a.method, 'lounge.a')
    peer.fail(a.id, 'lounge.Refused') // an answer, too
    await assert.rejects(rest[0], expected('lounge.Refused'))
    const b = await peer.hear()
    peer.answer(b.id, 2)
    peer.answer(c.id, 3)
    assert.deepEqual(await Promise.all(rest.slice(1)), [2, 3])

    const held = client.call('lounge.held')
    const late = client.call('lounge.late')
    await peer.hear()
    await busy('in_flight')
    await assert.rejects(late, expected('rpc.Busy')) // nobody is answered
    const left = client.call('lounge.left', {}, { timeout: 50 })
    await Promise.all([assert.rejects(left, expected('rpc.DeadlineExceeded')), busy('in_flight')])
    const moved = client.call('lounge.moved')
    await busy('in_flight')
    await new Promise((resolve) => setTimeout(resolve, 50))
    const lost = assert.rejects(held, unanswered(true))
    peer.cut()
    await lost
    const next = await s.peer()
    const { id: movedId, method } = await next.hear()
    assert.equal(method, 'lounge.moved') // which was not started
    next.answer(movedId, 4)
    assert.equal(await moved, 4)
  })

  test('params that are no JSON harm nobody else', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const odd = { n: 1n }
    const before = [client.call('lounge.say', odd), client.call('lounge.status')]
    await assert.rejects(before[0], TypeError)
    assert.throws(() => client.watch('lounge.message', odd), TypeError)
    const peer = await s.peer()
    peer.answer((await peer.hear()).id, 1)
    assert.equal(await before[1], 1)
    await assert.rejects(client.call('lounge.say', odd), TypeError)
    const next = client.call('lounge.status')
    peer.answer((await peer.hear()).id, 2)
    assert.equal(await next, 2)
  })

  test('a server that calls is told that nothing is offered', async (t) => {
    const s = await serve(t)
    s.connect()
    const peer = await s.peer()
    peer.say({ id: 'a', method: 'lounge.say' })
    const { id, error } = await peer.hear()
    assert.equal(id, 'a')
    assert.equal(error.code, -32601)
  })

  test('close ends everything', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const call = client.call('lounge.say')
    await peer.hear()
    const all = [assert.rejects(call, unanswered(true)), assert.rejects(client.watch('lounge.message').next(), unanswered(true))]
    client.close()
    await Promise.all(all)
    await assert.rejects(client.call('lounge.say'), unanswered(false))
    await peer.gone
  })
})

describe('items', { timeout: 60_000 }, () => {
  test('a stream, to its end, to its failure, to where the connection broke', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    for (const [end, check] of [
      [(id) => peer.answer(id, {}), null],
      [(id) => peer.fail(id, 'lounge.NoSuchFile'), expected('lounge.NoSuchFile')],
      [() => peer.cut(), unanswered(true)],
    ]) {
      const values = []
      const all = (async () => {
        for await (const value of client.stream('lounge.search', { query: 'x' })) values.push(value)
      })()
      const { id, window, since } = await peer.hear()
      assert.equal(window, 256)
      assert.equal(since, undefined)
      peer.item(id, { value: 'a' })
      peer.item(id, { value: 'b' })
      end(id)
      check ? await assert.rejects(all, check) : await all
      assert.deepEqual(values, ['a', 'b'])
    }
  })

  test('credit is given for what was read, and for nothing else', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const events = client.watch('lounge.message', {}, { window: 4 })
    const { id, window } = await peer.hear()
    assert.equal(window, 4)
    peer.live(id, { epoch: 'e', seq: 0 })
    for (let seq = 1; seq <= 4; seq++) peer.item(id, { seq, value: seq })
    await client.call('x', {}, { timeout: 100 }).catch(() => {}) // time in which nothing may be sent
    assert.deepEqual([(await peer.hear()).method, (await peer.hear()).method, peer.heard.length], ['x', 'rpc.cancel', 0])
    assert.deepEqual((await collect(events, 3)).map((e) => e.kind), ['live', 'item', 'item'])
    assert.deepEqual((await peer.hear()).params, { id, n: 2 })
    await collect(events, 1)
    assert.equal(peer.heard.length, 0)
    await collect(events, 1)
    assert.deepEqual((await peer.hear()).params, { id, n: 2 })
  })

  test('more than was asked for ends the connection, and keeps nothing', async (t) => {
    const s = await serve(t)
    const events = s.connect().stream('lounge.search', {}, { window: 4 })
    const first = events.next()
    const peer = await s.peer()
    const { id } = await peer.hear()
    for (let i = 0; i < 1000; i++) peer.item(id, { value: i })
    await peer.gone
    assert.equal((await first).value, 0)
    const got = []
    await assert.rejects(async () => {
      for await (const value of events) got.push(value)
    }, unanswered(true))
    assert.equal(got.length, 7) // and the first: twice what was asked for
  })

  test('leaving the loop cancels it', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const left = (async () => {
      for await (const value of client.stream('lounge.search')) return value
    })()
    const { id } = await peer.hear()
    peer.item(id, { value: 1 })
    assert.equal(await left, 1)
    assert.deepEqual(await peer.hear(), { jsonrpc: '2.0', method: 'rpc.cancel', params: { id } })
    peer.item(id, { value: 2 }) // was on its way
    peer.fail(id, 'rpc.Cancelled')
    const control = new AbortController()
    const events = client.watch('lounge.message', {}, { signal: control.signal })
    await peer.hear()
    const refused = assert.rejects(events.next(), { name: 'AbortError' })
    control.abort()
    await refused
    assert.equal((await events.next()).done, true)
    assert.equal((await peer.hear()).method, 'rpc.cancel')
  })

  test('a topic goes on where it was, and what was lost is told', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    let peer = await s.peer()
    const events = client.watch('lounge.message', { room: 'dev' }, { window: 4 })
    let { id } = await peer.hear()
    peer.live(id, { epoch: 'e', seq: 7, lost: 0 })
    peer.item(id, { seq: 8, value: 'a' })
    assert.deepEqual(await collect(events, 2), [
      { kind: 'live', lost: 0, epoch: 'e', seq: 7 },
      { kind: 'item', value: 'a', lost: 0, epoch: 'e', seq: 8 },
    ])
    peer.item(id, { seq: 9, value: 'b' })
    await client.call('x', {}, { timeout: 20 }).catch(() => {}) // so that it has come
    peer.cut()
    peer = await s.peer()
    let again = await peer.hear()
    // "b" still waits to be read, and so does what is told of the break.
    assert.deepEqual({ ...again.since, window: again.window }, { epoch: 'e', seq: 9, window: 2 })
    peer.item(again.id, { seq: 12, lost: 2, value: 'c' })
    peer.live(again.id, { epoch: 'e', seq: 12, lost: 0 })
    const [b, down, c, live] = await collect(events, 4)
    assert.equal(b.value, 'b')
    assert.equal(down.kind, 'down')
    assert.ok(down.why instanceof Unanswered)
    assert.deepEqual([c.value, c.lost, c.seq, live.kind], ['c', 2, 12, 'live'])
    // Another epoch, whose replay breaks before it is live. [S12]
    peer.cut()
    peer = await s.peer()
    again = await peer.hear()
    peer.item(again.id, { seq: 3, lost: -1, epoch: 'f', value: 'd' })
    peer.item(again.id, { seq: 4, value: 'e' })
    const [, d, e] = await collect(events, 3)
    assert.deepEqual([d.lost, d.epoch, d.seq, e.epoch, e.seq], [-1, 'f', 3, 'f', 4])
    peer.cut()
    peer = await s.peer()
    assert.deepEqual((await peer.hear()).since, { epoch: 'f', seq: 4 })
  })

  test('an event is a place to go on from', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    client.watch('lounge.message', {}, { since: { kind: 'item', value: 'a', lost: 0, epoch: 'e', seq: 8 } })
    assert.deepEqual((await peer.hear()).since, { epoch: 'e', seq: 8 })
  })

  test('a state is its values, a table its rows', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    let peer = await s.peer()
    const values = client.state('lounge.status')
    const value = values.next()
    let { id } = await peer.hear()
    peer.item(id, { value: { rooms: 1 } })
    peer.live(id)
    assert.deepEqual((await value).value, { rooms: 1 })

    const tables = client.table('lounge.users', { room: 'dev' })
    const rows = async () => Object.fromEntries([...(await tables.next()).value].map(([key, value]) => ['k' + key, value]))
    const first = rows()
    ;({ id } = await peer.hear())
    peer.item(id, { key: 'ann', value: 1 })
    peer.item(id, { key: '__proto__', value: 2 })
    peer.live(id)
    assert.deepEqual(await first, { kann: 1, k__proto__: 2 })
    peer.item(id, { key: '__proto__', gone: true })
    assert.deepEqual(await rows(), { kann: 1 })
    peer.item(id, { reset: true })
    peer.item(id, { key: 'bob', value: 3 })
    peer.live(id)
    assert.deepEqual(await rows(), { kbob: 3 })
    const after = rows()
    peer.cut()
    peer = await s.peer()
    for (id = 0; !id; ) {
      const asked = await peer.hear()
      if (asked.method === 'lounge.users') id = asked.id
    }
    peer.item(id, { key: 'carl', value: 4 })
    peer.live(id)
    assert.deepEqual(await after, { kcarl: 4 })
  })

  test('what is refused is refused, and what goes away comes back', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const refused = client.watch('lounge.message').next()
    peer.fail((await peer.hear()).id, 'lounge.NoSuchRoom')
    await assert.rejects(refused, expected('lounge.NoSuchRoom'))
    const nobody = client.watch('lounge.message').next()
    peer.fail((await peer.hear()).id, 'rpc.Unavailable')
    await assert.rejects(nobody, expected('rpc.Unavailable'))
    const events = client.watch('lounge.message')
    const { id } = await peer.hear()
    peer.live(id, { epoch: 'e', seq: 1 })
    peer.fail(id, 'rpc.OutcomeUnknown') // behind a hub the service has gone
    const again = await peer.hear()
    assert.deepEqual([again.method, again.since], ['lounge.message', { epoch: 'e', seq: 1 }])
    assert.deepEqual((await collect(events, 2)).map((e) => e.kind), ['live', 'down'])
  })
})

describe('connections', { timeout: 60_000 }, () => {
  test('a server that stops lets calls end, and the next one gets what comes', async (t) => {
    const s = await serve(t)
    const states = []
    const client = s.connect({ onstate: (state) => states.push(state) })
    const peer = await s.peer()
    const slow = client.call('lounge.slow')
    const { id } = await peer.hear()
    const events = client.watch('lounge.message')
    const watched = await peer.hear()
    peer.live(watched.id, { epoch: 'e', seq: 1 })
    peer.say({ method: 'rpc.goaway', params: {} })
    peer.fail(watched.id, 'rpc.Cancelled')
    const next = await s.peer()
    assert.deepEqual((await next.hear()).since, { epoch: 'e', seq: 1 })
    const quick = client.call('lounge.quick')
    const asked = await next.hear()
    assert.equal(asked.method, 'lounge.quick')
    next.answer(asked.id, 'quick')
    assert.equal(await quick, 'quick')
    peer.answer(id, 'slow')
    assert.equal(await slow, 'slow')
    await peer.gone
    assert.deepEqual((await collect(events, 2)).map((e) => e.kind), ['live', 'down'])
    assert.deepEqual(states, ['connected', 'connecting', 'connected'])
  })

  test('what a stopping server did not start is started elsewhere', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    const call = client.call('lounge.say')
    peer.fail((await peer.hear()).id, 'rpc.Draining')
    const next = await s.peer()
    next.answer((await next.hear()).id, 1)
    assert.equal(await call, 1)
    await peer.gone
  })

  test('attempts grow further apart', async (t) => {
    const s = await serve(t)
    t.mock.method(Math, 'random', () => 1)
    s.connect()
    const times = []
    for (let i = 0; i < 3; i++) {
      const peer = await s.peer() // which it takes for a good one each time
      times.push(Date.now())
      peer.cut()
    }
    const apart = times.slice(1).map((time, i) => time - times[i])
    for (const [i, least] of [2000, 4000].entries()) assert.ok(apart[i] >= least - 5, `${apart}`)
  })

  test('a call does not wait for the next attempt', async (t) => {
    const s = await serve(t)
    t.mock.method(Math, 'random', () => 1)
    let down
    const isDown = new Promise((resolve) => (down = resolve))
    const client = s.connect({ onstate: (state) => state === 'connecting' && down() })
    const peer = await s.peer()
    peer.cut()
    await isDown
    const began = Date.now()
    const call = client.call('lounge.say')
    const next = await s.peer()
    next.answer((await next.hear()).id, 1)
    assert.equal(await call, 1)
    assert.ok(Date.now() - began < 1000)
  })

  test('a server that says nothing any more is found out', async (t) => {
    const s = await serve(t)
    const client = s.connect()
    const peer = await s.peer()
    client.watch('lounge.message')
    await peer.hear()
    peer.cut()
    // Only from here on, since the clocks of those below have to be real until they are connected.
    const pass = clocks(t)
    const next = await s.peer()
    assert.equal((await next.hear()).method, 'lounge.message')
    pass(20_000)
    assert.equal(next.heard.length, 0)
    pass(5_000)
    const ping = await next.hear()
    assert.equal(ping.method, 'rpc.ping')
    next.answer(ping.id, {})
    const call = client.call('x') // and so the answer has been heard
    next.answer((await next.hear()).id, {})
    await call
    pass(3600_000) // it slept
    assert.equal((await next.hear()).method, 'rpc.ping')
    pass(10_000)
    await next.gone
    await s.peer()
  })
})
