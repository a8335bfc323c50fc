// The service lounge, driven by two stock JSON-RPC 2.0 clients over its unix socket. Neither knows anything of Sabir.
// Each test uses rooms and names of its own, so that their order does not matter.

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import jayson from 'jayson/promise/index.js'
import { JSONRPCClient } from 'json-rpc-2.0'

const address = path.join(process.env.SABIR_DIR, 'lounge.sock')

// jayson: one connection a call, ids are UUIDs. Nothing is ours but the path.
function viaJayson() {
  const client = jayson.Client.tcp({ path: address })
  return { call: (method, params) => client.request(method, params), close() {} }
}

// json-rpc-2.0: many calls on one connection, ids are numbers. It leaves the transport to us: a line in, a line out.
function viaJSONRPC2() {
  const socket = net.connect(address)
  const client = new JSONRPCClient((request) => { socket.write(JSON.stringify(request) + '\n') })
  readline.createInterface({ input: socket }).on('line', (line) => client.receive(JSON.parse(line)))
  let id = 0
  return {
    call: (method, params) => client.requestAdvanced({ jsonrpc: '2.0', id: ++id, method, params }),
    close: () => socket.end(),
  }
}

for (const [name, connect] of [['jayson', viaJayson], ['json-rpc-2.0', viaJSONRPC2]]) {
  describe(name, { timeout: 60_000 }, () => {
    const { call, close } = connect()
    after(close)

    const result = async (method, params) => {
      const response = await call(method, params)
      assert.equal(response.error, undefined, `${method}: ${JSON.stringify(response.error)}`)
      return response.result
    }
    const refusal = async (method, params) => {
      const response = await call(method, params)
      assert.ok(response.error, `${method} was not refused: ${JSON.stringify(response.result)}`)
      assert.equal(typeof response.error.message, 'string')
      return response.error
    }
    const room = (topic) => `${name.replaceAll(/[^a-z0-9]/g, '')}-${topic}`

    test('a response says jsonrpc 2.0', async () => {
      const response = await call('lounge.join', { room: room('version'), name: 'ann' })
      assert.equal(response.jsonrpc, '2.0')
      assert.ok('id' in response && 'result' in response && !('error' in response))
    })

    test('a method has a result', async () => {
      assert.deepEqual(await result('lounge.join', { room: room('join'), name: 'ann' }), { members: 1 })
      assert.deepEqual(await result('lounge.join', { room: room('join'), name: 'bob' }), { members: 2 })
      await result('lounge.leave', { room: room('join'), name: 'bob' })
    })

    test('saying twice counts up', async () => {
      const ann = { room: room('say'), name: 'ann' }
      await result('lounge.join', ann)
      const one = await result('lounge.say', { ...ann, text: 'one' })
      const two = await result('lounge.say', { ...ann, text: 'two: ünï 水 "\\' })
      assert.ok(Number.isSafeInteger(one.seq) && two.seq > one.seq, `${one.seq}, then ${two.seq}`)
    })

    test('a declared error has code 1, a name and params', async () => {
      const error = await refusal('lounge.say', { room: room('nowhere'), name: 'ann', text: 'hi' })
      assert.equal(error.code, 1)
      assert.equal(error.data.name, 'lounge.NoSuchRoom')
      assert.deepEqual(error.data.params, { room: room('nowhere') })
    })

    test('what is not there is method not found', async () => {
      for (const method of ['lounge.shout', 'cellar.say', 'nonsense']) {
        const error = await refusal(method, {})
        assert.equal(error.code, -32601)
        assert.equal(error.data.name, 'rpc.MethodNotFound')
      }
    })

    test('a wrong type is told with its path', async () => {
      const error = await refusal('lounge.say', { room: room('say'), name: 'ann', text: 5 })
      assert.equal(error.code, -32602)
      assert.equal(error.data.name, 'rpc.InvalidParams')
      assert.equal(error.data.params.faults[0].path, 'text')
      assert.equal(typeof error.data.params.faults[0].reason, 'string')
    })

    test('a missing and an unknown param are refused', async () => {
      const paths = async (params) => (await refusal('lounge.join', params)).data.params.faults.map((fault) => fault.path)
      assert.deepEqual(await paths({ room: room('strict') }), ['name'])
      assert.deepEqual(await paths({ room: room('strict'), name: 'ann', colour: 'red' }), ['colour'])
    })

    test('a table is a list of keys and values', async () => {
      await result('lounge.join', { room: room('users'), name: 'ann' })
      await result('lounge.say', { room: room('users'), name: 'ann', text: 'hi' })
      await result('lounge.join', { room: room('users'), name: 'bob' })
      const rows = await result('lounge.users', { room: room('users') })
      assert.deepEqual(rows.map((row) => row.value.name).sort(), ['ann', 'bob'])
      for (const { key, value, ...rest } of rows) {
        assert.equal(typeof key, 'string')
        assert.ok(!Number.isNaN(Date.parse(value.since)), value.since)
        assert.equal(value.said, value.name === 'ann' ? 1 : 0)
        assert.deepEqual(rest, {})
      }
    })

    test('a state is its value', async () => {
      const status = await result('lounge.status', {})
      assert.deepEqual(Object.keys(status).sort(), ['messages', 'rooms', 'started', 'users'])
      assert.ok(!Number.isNaN(Date.parse(status.started)), status.started)
    })

    test('a topic waits for what happens next', async () => {
      const ann = { room: room('topic'), name: 'ann' }
      await result('lounge.join', ann)
      let waiting = true
      const next = result('lounge.message', { room: room('topic') }).finally(() => { waiting = false })
      // Nobody tells when the wait has begun, so ann repeats herself until it is over.
      for (let n = 1; waiting; n++) {
        await result('lounge.say', { ...ann, text: `hello ${n}` })
        await new Promise((resume) => setTimeout(resume, 20))
      }
      const { epoch, seq, lost, items } = await next
      assert.equal(typeof epoch, 'string')
      assert.ok(Number.isSafeInteger(seq) && seq >= 1, `seq ${seq}`)
      assert.equal(lost, 0)
      assert.ok(items.length >= 1)
      const value = items[0].value ?? items[0]
      assert.equal(value.name, 'ann')
      assert.match(value.text, /^hello \d+$/)
      assert.ok(!Number.isNaN(Date.parse(value.at)), value.at)
    })

    test('a stream is the list of its items', async (t) => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'foreign-'))
      t.after(() => rmSync(folder, { recursive: true }))
      for (const file of ['needle-1.txt', 'needle-2.txt', 'straw.txt']) {
        writeFileSync(path.join(folder, file), `this is ${file}\n`)
      }
      const label = room('files')
      await result('lounge.share', { label, path: folder })

      const hits = (await result('lounge.search', { query: 'needle' })).filter((hit) => hit.label === label)
      assert.deepEqual(hits.map((hit) => path.basename(hit.path)).sort(), ['needle-1.txt', 'needle-2.txt'])
      for (const hit of hits) assert.equal(hit.size, 21)
      assert.equal((await result('lounge.search', { query: 'needle', limit: 1 })).length, 1)
      assert.deepEqual(await result('lounge.search', { query: 'no such name anywhere' }), [])

      const chunks = await result('lounge.fetch', { label, path: hits[0].path })
      const text = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk, 'base64'))).toString()
      assert.equal(text, `this is ${path.basename(hits[0].path)}\n`)
      assert.equal((await refusal('lounge.fetch', { label, path: 'none.txt' })).data.name, 'lounge.NoSuchFile')
      assert.equal((await refusal('lounge.share', { label, path: folder })).data.name, 'lounge.LabelTaken')
    })

    test('fifty calls at once', async () => {
      const ann = { room: room('many'), name: 'ann' }
      await result('lounge.join', ann)
      const calls = Array.from({ length: 50 }, (_, n) => result('lounge.say', { ...ann, text: `number ${n}` }))
      const numbers = (await Promise.all(calls)).map((answer) => answer.seq)
      assert.equal(new Set(numbers).size, 50)
    })
  })
}
