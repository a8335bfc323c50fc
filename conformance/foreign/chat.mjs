// Joins a room of the lounge, watches it, says something there and prints it as it comes: node chat.mjs ROOM NAME TEXT
import { connect } from './scram.mjs'

const [room, name, text] = process.argv.slice(2)
const lounge = await connect(new URL(process.env.SABIR_URL))
await lounge.call('lounge.join', { room, name })
lounge.send({ id: 'watch', method: 'lounge.message', params: { room }, window: 0 })
for await (const line of { [Symbol.asyncIterator]: () => lounge.lines }) {
  const message = JSON.parse(line)
  if (message.method === 'rpc.live') lounge.send({ id: 'say', method: 'lounge.say', params: { room, name, text } })
  if (message.method === 'rpc.item') {
    console.log(JSON.stringify(message.params.value))
    break
  }
}
lounge.close()
