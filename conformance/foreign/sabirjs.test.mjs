// sabir.js over the WebSocket of the package ws, against the demo daemon: over TCP with a token, through a relay that
// breaks when told to, and over the unix socket without one. What goes over the wire: scripted.test.mjs.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { connect, SabirError, Unanswered } from '../../web/pages/sabir.js'
import { Demo, Relay, World } from './daemon.mjs'

const world = new World()
const { dir } = world
const daemon = new Demo(world)
const relay = new Relay(() => daemon.port)

let token
const clients = []
const reach = (url, options) => {
  const client = connect(url, { WebSocket, token, ...options })
  clients.push(client)
  return client
}
const direct = () => reach(`http://127.0.0.1:${daemon.port}`)
const relayed = () => reach(`ws://127.0.0.1:${relay.port}`)

before(async () => {
  await daemon.start()
  token = await world.run('token', 'new', 'lounge', '--level', 'admin')
  await relay.listen()
})
after(async () => {
  for (const client of clients) client.close()
  relay.end()
  await world.end()
})

// say says n things, each numbered.
async function say(client, room, from, n) {
  for (let i = from; i < from + n; i += 50) {
    await Promise.all(Array.from({ length: Math.min(50, from + n - i) }, (_, k) =>
      client.call('lounge.say', { room, name: 'bot', text: String(i + k) })))
  }
}

describe('against the demo daemon', { timeout: 300_000 }, () => {
  test('calls, errors by name, values', async () => {
    const lounge = direct()
    assert.deepEqual(await lounge.call('lounge.join', { room: 'calls', name: 'ann' }), { members: 1 })
    await assert.rejects(lounge.call('lounge.say', { room: 'none', name: 'ann', text: 'x' }), (e) =>
      e instanceof SabirError && e.name === 'lounge.NoSuchRoom' && e.params.room === 'none' && e.code === 1)
    await assert.rejects(lounge.call('lounge.say', { room: 5 }), { name: 'rpc.InvalidParams' })
    await assert.rejects(lounge.call('lounge.nothing'), { name: 'rpc.MethodNotFound' })
    const [{ key, value }] = await lounge.call('lounge.users', { room: 'calls' })
    assert.deepEqual([key, value.name], ['ann', 'ann'])
    for await (const status of lounge.state('lounge.status')) {
      assert.ok(status.rooms >= 1)
      break
    }
  })

  test('a stream of bytes, whose reader sets the pace', async () => {
    const lounge = direct()
    const size = 3 << 20
    writeFileSync(path.join(dir, 'data'), Buffer.alloc(size, 'x'))
    await lounge.call('lounge.share', { label: 'data', path: dir })
    let got = 0
    for await (const piece of lounge.stream('lounge.fetch', { label: 'data', path: 'data' }, { window: 2 })) got += Buffer.from(piece, 'base64').length
    assert.equal(got, size)
    const control = new AbortController()
    await assert.rejects(async () => {
      for await (const _ of lounge.stream('lounge.fetch', { label: 'data', path: 'data' }, { window: 2, signal: control.signal })) control.abort()
    }, { name: 'AbortError' })
    await assert.rejects(async () => {
      for await (const _ of lounge.stream('lounge.fetch', { label: 'data', path: '../..' })) assert.fail()
    }, { name: 'lounge.NoSuchFile' })
  })

  test('a table is its rows', async () => {
    const lounge = relayed()
    const near = direct()
    await near.call('lounge.join', { room: 'rows', name: 'ann' })
    const tables = lounge.table('lounge.users', { room: 'rows' })
    const until = async (names) => {
      for (;;) {
        const { value } = await tables.next()
        if ([...value.keys()].sort().join() === names) return
      }
    }
    await until('ann')
    await near.call('lounge.join', { room: 'rows', name: '__proto__' })
    await until('__proto__,ann')
    relay.open = false
    relay.cut()
    await near.call('lounge.leave', { room: 'rows', name: 'ann' })
    relay.open = true
    await until('__proto__')
  })

  test('nothing is lost when only the connection breaks, ten times', async () => {
    const near = direct()
    const lounge = relayed()
    await near.call('lounge.join', { room: 'cuts', name: 'bot' })
    const events = lounge.watch('lounge.message', { room: 'cuts' }, { window: 32 })
    const live = (await events.next()).value
    assert.equal(live.kind, 'live')
    const said = (async () => {
      for (let round = 0; round < 10; round++) {
        await say(near, 'cuts', round * 50, 50)
        relay.cut()
      }
    })()
    const heard = []
    let downs = 0
    while (heard.length < 500) {
      const { value: event } = await events.next()
      assert.equal(event.lost, 0)
      if (event.kind === 'down') downs++
      if (event.kind === 'item') heard.push(event)
    }
    await said
    assert.ok(downs > 0)
    assert.deepEqual(heard.map((e) => e.seq), Array.from({ length: 500 }, (_, i) => live.seq + 1 + i))
    assert.equal(new Set(heard.map((e) => e.value.text)).size, 500)
    await events.return()
  })

  test('what the ring overwrote is told by number', async () => {
    const near = direct()
    const lounge = relayed()
    await near.call('lounge.join', { room: 'lost', name: 'bot' })
    const events = lounge.watch('lounge.message', { room: 'lost' })
    const live = (await events.next()).value
    relay.open = false
    relay.cut()
    const n = 1500
    await say(near, 'lost', 0, n)
    relay.open = true
    let got = 0, lost = 0
    while (got + lost < n) {
      const { value: event } = await events.next()
      lost += event.lost
      if (event.kind === 'item') got++
      if (event.seq && event.kind === 'item') assert.equal(event.seq, live.seq + got + lost)
    }
    assert.equal(lost, n - 1024)
  })

  test('a daemon that is killed and comes back has lost what nobody knows', async () => {
    const lounge = direct()
    await lounge.call('lounge.join', { room: 'again', name: 'ann' })
    const events = lounge.watch('lounge.message', { room: 'again' })
    const kinds = []
    const until = async (kind) => {
      for (;;) {
        const { value: event } = await events.next()
        kinds.push([event.kind, event.lost])
        if (event.kind === kind) return event
      }
    }
    await until('live')
    await lounge.call('lounge.say', { room: 'again', name: 'ann', text: 'before' })
    await until('item')
    // A call that is under way is not known to have run.
    const waiting = lounge.call('lounge.message', { room: 'never' })
    const unanswered = assert.rejects(waiting, (e) => e instanceof Unanswered && e.sent)
    await lounge.call('rpc.ping')
    await daemon.stop()
    await unanswered
    const joined = lounge.call('lounge.join', { room: 'again', name: 'ann' }, { retry: true })
    await daemon.start()
    assert.deepEqual(await joined, { members: 1 })
    await until('live')
    assert.deepEqual(kinds, [['live', 0], ['item', 0], ['down', 0], ['live', -1]])
    await lounge.call('lounge.say', { room: 'again', name: 'ann', text: 'after' })
    assert.equal((await until('item')).value.text, 'after')
  })

  test('a daemon that stops in good order is left, and found again', async () => {
    const states = []
    const lounge = reach(`http://127.0.0.1:${daemon.port}`, { onstate: (state) => states.push(state) })
    const values = lounge.watch('lounge.status')
    while ((await values.next()).value.kind !== 'live');
    await daemon.stop('SIGTERM')
    await daemon.start()
    assert.equal((await lounge.call('lounge.status')).users, 0)
    const kinds = []
    while (kinds.at(-1) !== 'live') kinds.push((await values.next()).value.kind)
    assert.deepEqual(kinds, ['down', 'item', 'live'])
    assert.deepEqual(states, ['connected', 'connecting', 'connected'])
  })

  test('a token that is none is refused, and revoking ends it', async () => {
    const stranger = reach(`http://127.0.0.1:${daemon.port}`, { token: undefined })
    await assert.rejects(stranger.call('lounge.status'), { name: 'rpc.Denied' })
    const other = await world.run('token', 'new', 'lounge')
    const lounge = reach(`http://127.0.0.1:${daemon.port}`, { token: other })
    const watch = lounge.watch('lounge.status')
    await watch.next()
    await world.run('token', 'revoke', 'lounge', other.split('.')[0])
    await assert.rejects(async () => { while (!(await watch.next()).done); }, { name: 'rpc.Denied' })
  })

  test('over the unix socket the kernel says who it is', async () => {
    const lounge = reach(`ws+unix:${path.join(dir, 'lounge.sock')}:/`, { token: undefined })
    assert.equal((await lounge.call('rpc.info')).you.level, 'admin')
  })
})
