require 'json'
require 'socket'

folder = ENV['SABIR_DIR'] || "#{ENV['XDG_RUNTIME_DIR']}/sabir"
$peer, $last = UNIXSocket.new("#{folder}/lounge.sock"), 0

def call(method, params, **more) # returns the result, or the first item
  id = $last += 1
  $peer.puts({ id: id, method: method, params: params, **more }.to_json)
  while (line = $peer.gets)
    message = JSON.parse(line)
    return message['params']['value'] if message['method'] == 'rpc.item' && message['params']['id'] == id
    next if message['method'] || message['id'] != id
    error = message['error'] or return message['result']
    abort "#{error['data']['name']}: #{error['message']}"
  end
  abort 'the service ended the connection'
end

name = ARGV[0]
puts call('lounge.join', { room: 'dev', name: name })['members']
message = call('lounge.message', { room: 'dev' }, window: 0, since: { epoch: '', seq: 0 })
puts "#{message['name']}: #{message['text']}"
call('lounge.say', { room: 'attic', name: name, text: 'hello' })
