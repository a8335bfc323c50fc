import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const folder = process.env.SABIR_DIR ?? process.env.XDG_RUNTIME_DIR + '/sabir'
const peer = connect(folder + '/hello.sock')
const lines = createInterface({ input: peer })[Symbol.asyncIterator]()

async function greet(id, name) {
  peer.write(JSON.stringify({ id, method: 'hello.greet', params: { name } }) + '\n')
  let answer
  do answer = JSON.parse((await lines.next()).value); while (answer.id !== id)
  if (answer.error) return answer.error.data.name + ': ' + answer.error.message
  return answer.result.text
}

console.log(await greet(1, 'ann'))
console.log(await greet(2, 'bob'))
peer.end()
