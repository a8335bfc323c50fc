// A daemon for tests in JavaScript, which stops and comes back at the same port, and a way to it that breaks when told to.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { promisify } from 'node:util'

// The program sabir, in a world of its own.
export class World {
  dir = mkdtempSync(path.join(os.tmpdir(), 'sabirjs-'))
  env = { ...process.env, SABIR_DIR: this.dir, SABIR_ADDRESS: '', XDG_STATE_HOME: path.join(this.dir, 'state'), XDG_RUNTIME_DIR: this.dir }
  running = new Set()

  // run runs a command to its end, and returns what it prints.
  async run(...args) {
    return (await promisify(execFile)(process.env.SABIR, args, { env: this.env })).stdout.trim()
  }

  // start starts a command and returns it with the first match of what it prints, on either side.
  async start(expected, ...args) {
    const child = spawn(process.env.SABIR, args, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.running.add(child)
    child.once('exit', () => this.running.delete(child))
    let log = ''
    const found = new Promise((resolve, reject) => {
      for (const out of [child.stdout, child.stderr]) {
        readline.createInterface({ input: out }).on('line', (line) => {
          log += line + '\n'
          const match = expected.exec(line)
          if (match) resolve(match)
        })
      }
      child.once('exit', (status) => reject(new Error(`sabir ${args.join(' ')} ended with ${status}:\n${log}`)))
    })
    return { child, found: await found }
  }

  async end() {
    await Promise.all([...this.running].map((child) => stop(child, 'SIGKILL')))
    rmSync(this.dir, { recursive: true })
  }
}

export async function stop(child, signal) {
  child.kill(signal)
  await once(child, 'exit')
}

// A demo daemon, at the same port again and again.
export class Demo {
  port = 0

  constructor(world, ...args) {
    this.world = world
    this.args = args
  }

  async start() {
    const { child, found } = await this.world.start(/^sabir: and at tcp:127\.0\.0\.1:(\d+)/, 'demo', '--listen', `tcp:127.0.0.1:${this.port}`, ...this.args)
    this.child = child
    this.port = Number(found[1])
  }

  async stop(signal = 'SIGKILL') {
    await stop(this.child, signal)
  }
}

// A way to a port that can be cut, and barred.
export class Relay {
  open = true
  conns = new Set()

  constructor(to) {
    this.server = net.createServer((near) => {
      if (!this.open) return near.destroy()
      const far = net.connect(to(), '127.0.0.1')
      for (const [from, onto] of [[near, far], [far, near]]) {
        this.conns.add(from)
        from.pipe(onto)
        from.on('error', () => {})
        from.on('close', () => { this.conns.delete(from); onto.destroy() })
      }
    })
  }

  async listen() {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = this.server.address().port
  }

  cut() { for (const conn of this.conns) conn.destroy() }

  end() {
    this.cut()
    this.server.close()
  }
}
