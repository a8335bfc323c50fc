// Servers of JSON-RPC 2.0 by others, in lines on stdin and stdout: node plain.mjs jayson|json-rpc-2.0

import { createInterface } from 'node:readline'
import { JSONRPCServer } from 'json-rpc-2.0'
import jayson from 'jayson'

const add = ([a, b]) => a + b

// Each takes a line and promises the response, or nothing.
const servers = {
  jayson() {
    const server = new jayson.Server({ add: (params, done) => done(null, add(params)) })
    return (line) => new Promise((resolve) => server.call(line, (failure, answer) => resolve(failure ?? answer)))
  },
  'json-rpc-2.0'() {
    const server = new JSONRPCServer()
    server.addMethod('add', add)
    return (line) => server.receiveJSON(line)
  },
}

const answer = servers[process.argv[2]]()
for await (const line of createInterface({ input: process.stdin })) {
  const response = await answer(line)
  if (response) console.log(JSON.stringify(response))
}
