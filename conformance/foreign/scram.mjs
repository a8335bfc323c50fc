// Talks to a Sabir daemon over TLS with nothing but node's library: `SABIR_URL=sabir://host:port/#fp=…&t=id.secret
// node scram.mjs METHOD [PARAMS]`. With a pairing token, METHOD is rpc.pair.

import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import { createInterface } from 'node:readline'
import tls from 'node:tls'

const sha256 = (data) => createHash('sha256').update(data).digest()
const mac = (key, text) => createHmac('sha256', key).update(text).digest()
const deny = (reason) => { console.error(`denied: ${reason}`); process.exit(1) }

export async function connect(url) {
  const given = new URLSearchParams(url.hash.slice(1))
  const socket = tls.connect({
    host: url.hostname, port: url.port || 7224, servername: 'sabir', minVersion: 'TLSv1.3', ALPNProtocols: ['sabir/1'],
    rejectUnauthorized: false, // names and dates mean nothing: the hash counts
  })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const certificate = sha256(socket.getPeerX509Certificate().raw)
  if (given.has('fp') && given.get('fp') !== certificate.toString('base64url')) {
    deny(`another certificate: ${certificate.toString('base64url')}`)
  }
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  let id = 0
  const call = async (method, params) => {
    socket.write(JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }) + '\n')
    const { result, error } = JSON.parse((await lines.next()).value)
    return error ? deny(error.message) : result
  }
  await authenticate(call, given.get('t').split('.'), certificate)
  return { call, lines, send: (message) => socket.write(JSON.stringify(message) + '\n'), close: () => socket.end() }
}

async function authenticate(call, [id, secret], binding) {
  const header = 'p=tls-server-end-point,,'
  const nonce = randomBytes(18).toString('base64')
  const first = `n=${id},r=${nonce}`
  const { data } = await call('rpc.auth', { mechanism: 'SCRAM-SHA-256-PLUS', data: header + first })
  const [, both, salt, i] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(data) ?? deny('what is this?')
  if (!both.startsWith(nonce) || both === nonce || i < 4096 || i > 1e6) deny("the server's first message is wrong")
  const salted = pbkdf2Sync(secret, Buffer.from(salt, 'base64'), Number(i), 32, 'sha256')
  const final = `c=${Buffer.concat([Buffer.from(header), binding]).toString('base64')},r=${both}`
  const message = `${first},${data},${final}`
  const key = mac(salted, 'Client Key')
  const proof = mac(sha256(key), message).map((byte, n) => byte ^ key[n])
  const answer = await call('rpc.auth', { data: `${final},p=${Buffer.from(proof).toString('base64')}` })
  const expected = Buffer.from(`v=${mac(mac(salted, 'Server Key'), message).toString('base64')}`)
  const said = Buffer.from(answer.data)
  if (said.length !== expected.length || !timingSafeEqual(said, expected)) deny('the server does not know the secret')
}

if (process.argv[1].endsWith('scram.mjs')) {
  const peer = await connect(new URL(process.env.SABIR_URL))
  console.log(JSON.stringify(await peer.call(process.argv[2], JSON.parse(process.argv[3] ?? '{}'))))
  peer.close()
}
