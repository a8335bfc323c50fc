import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const folder = process.env.SABIR_DIR ?? process.env.XDG_RUNTIME_DIR + '/sabir'
const peer = connect(folder + '/lounge.sock'), calls = new Map()

createInterface({ input: peer }).on('line', (line) => {
  const { id, method, params, result, error } = JSON.parse(line)
  const call = calls.get(method ? params?.id : id)
  if (method === 'rpc.item') call?.item?.(params.value)
  if (method) return
  calls.delete(id)
  error ? call?.reject(error) : call?.resolve(result)
})

let last = 0
const call = (method, params, more, item) => new Promise((resolve, reject) => {
  calls.set(++last, { resolve, reject, item })
  peer.write(JSON.stringify({ id: last, method, params, ...more }) + '\n')
})

const name = process.argv[2], room = 'dev'
console.log((await call('lounge.join', { room, name })).members)
await new Promise((told) => call('lounge.message', { room }, { window: 0, since: { epoch: '', seq: 0 } },
  ({ name, text }) => told(console.log(`${name}: ${text}`))))
try {
  await call('lounge.say', { room: 'attic', name, text: 'hello' })
} catch ({ message, data }) {
  console.error(`${data.name}: ${message}`)
  process.exit(1)
}
